{{/* Name of the objects. */}}
{{- define "concertina.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* By these the Service and the rest find the controllers. */}}
{{- define "concertina.selectorLabels" -}}
{{- dict "app.kubernetes.io/name" .Chart.Name "app.kubernetes.io/instance" .Release.Name | toYaml -}}
{{- end -}}

{{/* Labels of the pod of `helm test`. */}}
{{- define "concertina.testLabels" -}}
{{- dict "app.kubernetes.io/name" (printf "%s-test" .Chart.Name) "app.kubernetes.io/instance" .Release.Name | toYaml -}}
{{- end -}}

{{/* Labels of every object. The user's take the place of the chart's, but for those of selectors: merged, as a key that is written twice has no one meaning. */}}
{{- define "concertina.labels" -}}
{{- $labels := dict "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") -}}
{{- $_ := set $labels "app.kubernetes.io/version" .Chart.AppVersion -}}
{{- $_ := set $labels "app.kubernetes.io/managed-by" .Release.Service -}}
{{- mergeOverwrite $labels (.Values.commonLabels | default dict) (include "concertina.selectorLabels" . | fromYaml) | toYaml -}}
{{- end -}}

{{/* Labels of the controllers' pods, by whose app they are found. */}}
{{- define "concertina.podLabels" -}}
{{- $labels := include "concertina.labels" . | fromYaml -}}
{{- $own := set (include "concertina.selectorLabels" . | fromYaml) "app" .Chart.Name -}}
{{- mergeOverwrite $labels (.Values.podLabels | default dict) $own | toYaml -}}
{{- end -}}

{{/* Annotations of these pods. */}}
{{- define "concertina.podAnnotations" -}}
{{- $annotations := dict -}}
{{- if and .Values.scrapeAnnotations (not .Values.serviceMonitor.enabled) (not .Values.podMonitor.enabled) -}}
{{- $annotations = dict "prometheus.io/scrape" "true" "prometheus.io/port" "8080" -}}
{{- end -}}
{{- $own := dict "checksum/config" (include "concertina.config" . | sha256sum) -}}
{{- mergeOverwrite $annotations (.Values.podAnnotations | default dict) $own | toYaml -}}
{{- end -}}

{{- define "concertina.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "concertina.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "concertina.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whether there is something for `helm test`: its policy is in the release's namespace, which must be watched. */}}
{{- define "concertina.hasTest" -}}
{{- $watched := .Values.config.watchNamespaces -}}
{{- if and .Values.helmTest.enabled (or (not $watched) (has .Release.Namespace $watched)) -}}true{{- end -}}
{{- end -}}

{{/* The configuration file: what is empty is left out. */}}
{{- define "concertina.config" -}}
{{- $config := dict -}}
{{- range $name, $value := .Values.config -}}
{{- if or $value (kindIs "bool" $value) -}}
{{- $_ := set $config $name $value -}}
{{- end -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* The server of policies that name none, or else the first. */}}
{{- define "concertina.someServer" -}}
{{- $name := (index .Values.config.servers 0).name -}}
{{- range .Values.config.servers -}}
{{- if eq .name "default" -}}
{{- $name = .name -}}
{{- end -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* Whether teams are to be kept apart and the controllers' port is open to all. */}}
{{- define "concertina.isOpenBesideTenancy" -}}
{{- $apart := false -}}
{{- range .Values.config.servers -}}
{{- if eq (.tenancy | default $.Values.config.tenancy) "Namespace" -}}
{{- $apart = true -}}
{{- end -}}
{{- end -}}
{{- if and $apart (not (and .Values.networkPolicy.enabled .Values.networkPolicy.from)) -}}true{{- end -}}
{{- end -}}

{{/* What holds the configuration: a Secret where a header or parameter of a server may be a key, which readers of ConfigMaps must not see. */}}
{{- define "concertina.configKind" -}}
{{- $kind := "ConfigMap" -}}
{{- range .Values.config.servers -}}
{{- if or .headers .queryParameters -}}
{{- $kind = "Secret" -}}
{{- end -}}
{{- end -}}
{{- $kind -}}
{{- end -}}

{{/* Ports of the servers, from their URLs, as a list in JSON. */}}
{{- define "concertina.prometheusPorts" -}}
{{- $ports := .Values.networkPolicy.prometheusPorts -}}
{{- if not $ports -}}
{{- range .Values.config.servers -}}
{{- range concat (.urls | default list) (compact (list (.url | default ""))) -}}
{{- $url := urlParse . -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- $ports = append $ports ($port | default (ternary "443" "80" (eq $url.scheme "https")) | int) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $ports | uniq | sortAlpha | toJson -}}
{{- end -}}
