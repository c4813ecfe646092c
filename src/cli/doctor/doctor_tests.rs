//! The command as a whole: its arguments, what it prints and what it writes. No network.
use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    doctor: DoctorArguments,
}

fn arguments(line: &[&str]) -> Result<DoctorArguments, String> {
    let line = Line::try_parse_from([&["doctor"], line].concat());
    line.map(|line| line.doctor).map_err(|error| error.to_string())
}

fn finding(level: Level) -> Finding {
    let mut found = Findings::about("cluster");
    match level {
        Level::Ok => found.ok("reach", "it answers"),
        Level::Note => found.note("reach", "it is slow", "wait"),
        Level::Problem => found.problem("reach", "it is silent", "look at it"),
    }
    found.list.remove(0)
}

fn printed(findings: &[Finding], settings: Option<&Settings>, format: Format) -> String {
    let mut out = Vec::new();
    print(findings, settings, format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_account_is_a_namespace_and_a_name() {
    let given = arguments(&["--service-account=a/b"]).unwrap();
    let given = given.service_account.unwrap();
    assert_eq!((given.namespace.as_str(), given.name.as_str()), ("a", "b"));
    for wrong in ["b", "/b", "a/", "a/b/c", "a/../b", "A/b", "a/b?x"] {
        let error = arguments(&["--service-account", wrong]).unwrap_err();
        assert!(
            error.contains("such as concertina/concertina"),
            "{wrong}: {error}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_refused_before_anything_is_asked() {
    let run = async |line: &[&str]| run(arguments(line).unwrap()).await.unwrap_err().to_string();
    assert!(run(&["--prometheus-url=nonsense"]).await.contains("is not a URL"));
    assert!(
        run(&["--prometheus-url=http://a/api/v1"])
            .await
            .contains("names the API")
    );
    assert!(
        run(&["--write-config=a.yaml"])
            .await
            .contains("there is no configuration to write")
    );
    assert!(
        run(&["--config=/nowhere.yaml"])
            .await
            .contains("cannot read the configuration")
    );
}

#[test]
fn only_a_problem_makes_the_status_one() {
    let code = |levels: &[Level]| {
        let findings: Vec<Finding> = levels.iter().map(|level| finding(*level)).collect();
        format!("{:?}", exit_code(&findings))
    };
    assert_eq!(
        code(&[Level::Ok, Level::Note]),
        format!("{:?}", ExitCode::SUCCESS)
    );
    assert_eq!(
        code(&[Level::Ok, Level::Problem]),
        format!("{:?}", ExitCode::from(1))
    );
}

#[test]
fn findings_are_a_document_too_with_the_configuration() {
    let settings = Settings::of_url("http://a:9090");
    let findings = [finding(Level::Ok), finding(Level::Problem)];
    for format in [Format::Json, Format::Yaml] {
        let text = printed(&findings, Some(&settings), format);
        let document: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        assert_eq!(document["problems"], 1);
        assert_eq!(document["findings"][0]["level"], "ok");
        assert_eq!(document["findings"][1]["set"], "look at it");
        assert_eq!(document["configuration"]["servers"][0]["url"], "http://a:9090");
    }
}

#[test]
fn the_text_ends_with_a_configuration_that_can_be_used_as_it_is() {
    let settings = Settings::of_url("http://a:9090");
    let mut heard = finding(Level::Note);
    heard.check = "clock".into();
    let text = printed(&[heard], Some(&settings), Format::Table);
    let (_, configuration) = text.split_once("\n# ").unwrap();
    assert!(text.contains("0 problems, 1 note\n"), "{text}");
    Config::parse(&format!("# {configuration}"), "printed.yaml".as_ref()).unwrap();
    // Nothing answers there, so the URL is not to be used.
    assert!(!printed(&[finding(Level::Note)], Some(&settings), Format::Table).contains('#'));
}

#[test]
fn a_file_that_is_there_is_not_written_over() {
    let path = std::env::temp_dir().join(format!("concertina-written-{}.yaml", std::process::id()));
    let settings = Settings::of_url("http://a:9090");
    write(&settings, &path).unwrap();
    assert!(Config::read(&path).is_ok());
    let error = write(&Settings::of_url("http://b:9090"), &path).unwrap_err();
    assert!(error.to_string().contains("name a file that is not there yet"));
    assert!(std::fs::read_to_string(&path).unwrap().contains("http://a:9090"));
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn without_a_server_the_cluster_is_asked_where_one_could_be() {
    assert_eq!(
        port_forward("http://prometheus.monitoring.svc:80/prometheus").as_deref(),
        Some("kubectl -n monitoring port-forward svc/prometheus 9090:80")
    );
    let mut found = Findings::about("cluster");
    without_server(None, &mut found);
    let advice = found.list[0].set.as_deref().unwrap();
    assert!(advice.contains("--prometheus-url"), "{advice}");
}

#[test]
fn the_credentials_of_a_pod_are_known_from_those_of_a_kubeconfig() {
    let mut config = kube::Config::new("https://10.96.0.1".parse().unwrap());
    assert!(!is_of_pod(&config));
    config.auth_info.token_file = Some("/etc/pipeline/token".into());
    assert!(!is_of_pod(&config));
    config.auth_info.token_file = Some("/var/run/secrets/kubernetes.io/serviceaccount/token".into());
    assert!(is_of_pod(&config));
}

#[test]
fn the_lease_is_a_name() {
    assert_eq!(
        arguments(&["--lease-name=a.b"]).unwrap().lease_name.as_deref(),
        Some("a.b")
    );
    assert!(
        arguments(&["--lease-name=a/b"])
            .unwrap_err()
            .contains("such as concertina")
    );
}
