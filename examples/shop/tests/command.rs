//! The binary as a pod runs it: SIGTERM, the generator against the shop, and bad options.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .expect("a free port")
        .local_addr()
        .expect("bound")
        .port()
}

fn shop(arguments: &[&str]) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shop"));
    Running(
        command
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts"),
    )
}

fn ask(port: u16, method: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what} did not happen within 20 s");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn terminate(process: &Running) {
    let status = Command::new("kill")
        .args(["-TERM", &process.0.id().to_string()])
        .status();
    assert!(status.expect("kill runs").success());
}

#[test]
fn after_sigterm_the_shop_serves_on_for_a_while_and_then_ends_well() {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let mut process = shop(&[
        "serve",
        "--listen",
        &listen,
        "--page-cost-ms",
        "1",
        "--linger-ms",
        "2500",
    ]);
    until("the shop listens", || ask(port, "GET", "/healthz"));
    terminate(&process);
    let told = Instant::now();
    let mut served = 0;
    let status = until("the shop ends", || {
        if told.elapsed() < Duration::from_millis(500) {
            let answer = ask(port, "GET", "/cart").expect("served during the linger");
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            served += 1;
        }
        process.0.try_wait().expect("a child")
    });
    assert!(served > 0 && told.elapsed() >= Duration::from_millis(2500));
    assert!(status.success());
}

#[test]
fn the_generator_reports_what_the_shop_answered() {
    let (shop_port, report_port) = (free_port(), free_port());
    let _shop = shop(&[
        "serve",
        "--listen",
        &format!("127.0.0.1:{shop_port}"),
        "--page-cost-ms",
        "1",
    ]);
    until("the shop listens", || ask(shop_port, "GET", "/healthz"));
    let target = format!("http://127.0.0.1:{shop_port}");
    let listen = format!("127.0.0.1:{report_port}");
    let options = [
        "--profile",
        "20rps:1s,40rps:1s",
        "--wait-for-start",
        "--stay-seconds",
        "30",
    ];
    let mut load = shop(&[&["load", "--target", &target, "--listen", &listen], &options[..]].concat());
    let page = until("the report is served", || ask(report_port, "GET", "/report.json"));
    assert!(page.contains("\"phase\":\"waiting\""), "{page}");
    assert!(
        ask(report_port, "POST", "/start")
            .expect("an answer")
            .starts_with("HTTP/1.1 202")
    );
    until("the profile ends", || {
        ask(report_port, "GET", "/report.json").filter(|page| page.contains("\"phase\":\"finished\""))
    });
    assert!(
        ask(report_port, "POST", "/start")
            .expect("an answer")
            .starts_with("HTTP/1.1 409")
    );
    let csv = ask(report_port, "GET", "/report.csv").expect("an answer");
    let rows: Vec<&str> = csv
        .lines()
        .skip_while(|line| !line.starts_with("second,"))
        .skip(1)
        .collect();
    assert!(
        rows.len() == 2 && rows[0].starts_with("0,20,20,0,0,0,") && rows[1].starts_with("1,40,40,0,0,0,"),
        "{csv}"
    );
    let last = ask(report_port, "GET", "/report.json?since=1").expect("an answer");
    assert!(
        last.contains("\"second\":1") && !last.contains("\"second\":0"),
        "{last}"
    );
    let metrics = ask(report_port, "GET", "/metrics").expect("an answer");
    assert!(
        metrics.contains("shop_load_requests_ended_total{outcome=\"answered\"} 60"),
        "{metrics}"
    );
    terminate(&load);
    assert!(load.0.wait().expect("a child").success());
    let printed = BufReader::new(load.0.stdout.take().expect("piped"))
        .lines()
        .map_while(Result::ok);
    assert_eq!(
        printed.filter(|line| line.starts_with("load: 1,40,40,")).count(),
        1,
        "each row is printed once"
    );
}

#[test]
fn a_shop_that_is_not_there_is_reported_as_errors() {
    let report_port = free_port();
    let target = format!("http://127.0.0.1:{}", free_port());
    let listen = format!("127.0.0.1:{report_port}");
    let _load = shop(&[
        "load",
        "--target",
        &target,
        "--listen",
        &listen,
        "--profile",
        "5rps:1s",
    ]);
    let row = until("the profile ends", || {
        ask(report_port, "GET", "/report.csv")?
            .lines()
            .find(|line| line.starts_with("0,"))
            .map(str::to_owned)
    });
    assert_eq!(row, "0,5,0,0,0,5,,,");
}

#[test]
fn a_generator_that_nobody_starts_ends_with_a_hint() {
    let listen = format!("127.0.0.1:{}", free_port());
    let options = [
        "--target",
        "http://127.0.0.1:9",
        "--profile",
        "1rps:1s",
        "--wait-for-start",
        "--stay-seconds",
        "1",
    ];
    let output = Command::new(env!("CARGO_BIN_EXE_shop"))
        .args([&["load", "--listen", &listen], &options[..]].concat())
        .output()
        .expect("the binary starts");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no POST /start within 1 s"));
}

#[test]
fn bad_options_are_refused_with_what_to_write() {
    let refused = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_shop"))
            .args(arguments)
            .output()
            .expect("the binary starts");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let load = |profile, target| refused(&["load", "--profile", profile, "--target", target]);
    assert!(load("80rps", "http://shop").contains("write RATE:DURATION"));
    assert!(load("80rps:1s", "shop:80").contains("write http://HOST:PORT"));
    assert!(refused(&["serve", "--page-cost-ms=-1"]).contains("between 0 and 60000"));
}
