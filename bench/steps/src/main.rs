//! Zones from the plainest scan to what the core does, an optimization at a time, and the core's graph beside
//! them: a request a line on stdin, an answer a line on stdout.
//!
//! ```text
//! {"do": "start", "base": path, "queries": path, "dim": d, "metric": m, "threads": t, "isa": i}
//!                                                           -> {"isa": name, "zones": n, "bits": 1 | 2}
//! {"do": "build", "step": s}                                -> {"seconds": x}
//! {"do": "search", "step": s, "k": k, "effort": e, "seconds": x} -> {"p50": µs, "p99": µs, "slots": [[…] …]}
//! {"do": "batch", …}                                        -> {"qps": x}
//! ```
//! `effort` is probes of zones, or `ef` of the graph.
//!
//! | file | holds |
//! |---|---|
//! | `steps` | which steps there are, what each has built, who answers for it |
//! | `data` | the files' rows, prepared as the metric wants them |
//! | `parted` | rows lying zone after zone, as the steps over floats scan them |
//! | `baseline` | the scan of the notes: sums in `f64`, every norm anew, everything sorted |
//! | `floats` | `f32` and norms kept, then the nearest parted off, then the core's kernels |
//! | `codes` | the core's search of zones by codes |
//! | `spread` | the same with the zones of one query shared out over threads, and zones found by a graph |
//! | `graph` | the core's index of kind `hnsw` |
//! | `clock` | passes over the questions against the clock |

mod baseline;
mod clock;
mod codes;
mod data;
mod floats;
mod graph;
mod parted;
mod spread;
mod steps;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};
use std::io::{BufRead, Write, stdin, stdout};
use steps::{Effort, Start, Step, Steps};

/// What goes wrong is said, and nothing else is done about it.
type Result<T> = std::result::Result<T, String>;

fn main() -> std::io::Result<()> {
    let mut steps = None;
    for line in stdin().lock().lines() {
        let answer = answer(&mut steps, &line?);
        let answer = answer.unwrap_or_else(|error| json!({ "error": error }));
        writeln!(stdout(), "{answer}")?;
    }
    Ok(())
}

fn answer(steps: &mut Option<Steps>, line: &str) -> Result<Value> {
    let request: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if request["do"] == "start" {
        let made = Steps::new(&started(&request)?)?;
        let told = made.told();
        *steps = Some(made);
        return Ok(told);
    }
    let steps = steps.as_mut().ok_or("expected start first")?;
    let name = text(&request, "step")?;
    let step = Step::parse(name).ok_or_else(|| format!("expected a step, received {name}"))?;
    if request["do"] == "build" {
        return Ok(json!({ "seconds": steps.build(step)? }));
    }
    let seconds = request["seconds"].as_f64().unwrap_or_default();
    let effort = Effort {
        k: number(&request, "k")?,
        effort: number(&request, "effort")?,
    };
    match request["do"].as_str() {
        Some("search") => {
            let timed = clock::each(steps, step, effort, seconds)?;
            Ok(json!({ "p50": timed.p50, "p99": timed.p99, "slots": timed.slots }))
        }
        Some("batch") => Ok(json!({ "qps": clock::all(steps, step, effort, seconds)? })),
        _ => Err(format!(
            "expected start, build, search or batch, received {line}"
        )),
    }
}

fn started(request: &Value) -> Result<Start> {
    Ok(Start {
        base: text(request, "base")?.into(),
        queries: text(request, "queries")?.into(),
        dim: number(request, "dim")?,
        metric: text(request, "metric")?.into(),
        threads: number(request, "threads")?,
        isa: request["isa"].as_str().unwrap_or("auto").into(),
    })
}

fn text<'a>(request: &'a Value, name: &str) -> Result<&'a str> {
    let given = &request[name];
    let text = given.as_str();
    text.ok_or_else(|| format!("expected a text {name}, received {given}"))
}

fn number(request: &Value, name: &str) -> Result<usize> {
    let given = &request[name];
    let number = given.as_u64().filter(|&number| number > 0);
    let number = number.and_then(|number| usize::try_from(number).ok());
    number.ok_or_else(|| format!("expected a number {name} from 1, received {given}"))
}
