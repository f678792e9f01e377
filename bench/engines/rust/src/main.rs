//! Vector indexes written in Rust, each in a process of its own, behind the benchmark's lines of
//! JSON.
//!
//! ```text
//! nearfield-bench-peers <engine>
//! stdin ── protocol::Request ──► session ──► engine::Engine ── hnsw_rs │ instant_distance
//! stdout ◄─ protocol::Answer ──┘    └── clock: passes over the queries
//! ```
//! Invariants: every request is answered with one line, also when a peer panics; nothing but answers
//! reaches the stdout we were given.

mod clock;
mod engine;
mod hnsw_rs;
mod instant_distance;
mod memory;
mod protocol;
mod session;
mod vectors;

use protocol::{Answer, Request, Result, failed};
use session::Session;
use std::io::{BufRead, Write, stderr, stdin, stdout};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [engine] = arguments.as_slice() else {
        eprintln!("usage: nearfield-bench-peers {}", engine::NAMES.join(" | "));
        return ExitCode::from(2);
    };
    match serve(engine) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(engine: &str) -> std::io::Result<()> {
    // hnsw_rs prints some of its failures, which must not come between two answers.
    let mut answers = std::fs::File::from(rustix::io::dup(stdout())?);
    rustix::stdio::dup2_stdout(stderr())?;
    let mut session = Session::new(engine);
    for line in stdin().lock().lines() {
        let answer = answer(&mut session, &line?);
        let mut text = serde_json::to_string(&answer.unwrap_or_else(Answer::Refused))?;
        text.push('\n');
        answers.write_all(text.as_bytes())?;
    }
    Ok(())
}

fn answer(session: &mut Session, line: &str) -> Result<Answer> {
    let request: Request = serde_json::from_str(line)
        .map_err(|error| failed(format!("expected a request; received {line}: {error}")))?;
    catch_unwind(AssertUnwindSafe(|| session.answer(request))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let said = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(failed(format!(
            "panicked: {}",
            said.unwrap_or("no message")
        )))
    })
}
