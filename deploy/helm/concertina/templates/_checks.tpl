{{/* What the schema cannot refuse with a sentence that says what to write. */}}
{{- define "concertina.checks" -}}
{{- if and (gt (int .Values.replicas) 1) (not .Values.leaderElection.enabled) -}}
{{- fail "replicas is more than 1 and leaderElection.enabled is false: each controller would write. Enable the election, or set replicas to 1." -}}
{{- end -}}
{{- if gt (mul 3 (int .Values.leaderElection.renewSeconds)) (int .Values.leaderElection.leaseDurationSeconds) -}}
{{- fail "leaderElection.renewSeconds is more than a third of leaseDurationSeconds: a renewal that fails could not be tried again in time. Write less." -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
{{- fail "serviceMonitor and podMonitor are both enabled: every controller would be scraped twice. Enable one of them." -}}
{{- end -}}
{{- range .Values.extraArgs -}}
{{- if regexMatch "^--scrape-interval-seconds(=|$)" . -}}
{{- fail "extraArgs: --scrape-interval-seconds is refused beside the configuration file that the chart writes. Leave it out, and write scrapeIntervalSeconds of the server in config.servers." -}}
{{- end -}}
{{- end -}}
{{- $names := list -}}
{{- range .Values.config.servers -}}
{{- $server := printf "config.servers: server %s" .name -}}
{{- if has .name $names -}}
{{- fail (printf "config.servers: two servers are named %s: give each its own name." .name) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- if and .url .urls -}}
{{- fail (printf "%s has url and urls: write one of them." $server) -}}
{{- else if not (or .url .urls) -}}
{{- fail (printf "%s has no URL: write url, or urls for several servers with the same data." $server) -}}
{{- end -}}
{{- if and .bearerTokenFile .basicAuth -}}
{{- fail (printf "%s has bearerTokenFile and basicAuth: write one of them." $server) -}}
{{- end -}}
{{- with .tls -}}
{{- if ne (empty .certFile) (empty .keyFile) -}}
{{- fail (printf "%s has one of tls.certFile and tls.keyFile: they need each other." $server) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $source := .Values.config.sources -}}
{{- if not (or $source.requests $source.duration (has $name (list "http" "ingress-nginx" "istio"))) -}}
{{- fail (printf "config.sources.%s measures nothing: write requests, duration or both." $name) -}}
{{- end -}}
{{- if and $source.podLabel $source.workloadLabel -}}
{{- fail (printf "config.sources.%s has podLabel and workloadLabel: write the first for a source that counts per pod, the second for one that counts per workload." $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
