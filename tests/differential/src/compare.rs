//! What differs between two transcripts, and how a person is told.

use std::fmt::Write as _;

use crate::case::{CLIENTS, Case};
use crate::transcript::{Line, OBSERVER};

/// The first line of each client that differs; empty if all are equal. What different clients see at about the same
/// time has no order, so each is compared by itself.
pub fn differences(a: &[Line], b: &[Line]) -> Vec<(Option<Line>, Option<Line>)> {
    clients().filter_map(|client| first_difference(of(a, client), of(b, client))).collect()
}

fn first_difference<'a>(
    a: impl Iterator<Item = &'a Line>,
    b: impl Iterator<Item = &'a Line>,
) -> Option<(Option<Line>, Option<Line>)> {
    let (mut a, mut b) = (a, b);
    loop {
        match (a.next(), b.next()) {
            (None, None) => return None,
            (x, y) if x == y => (),
            (x, y) => return Some((x.cloned(), y.cloned())),
        }
    }
}

/// What the earliest difference is like, whichever case it came up in: the same kind of difference mostly has the same
/// words. Empty if there is none.
pub fn kind(a: &[Line], b: &[Line]) -> String {
    let step = |(a, b): &(Option<Line>, Option<Line>)| {
        a.iter().chain(b).map(|line| line.step).min().unwrap_or(usize::MAX)
    };
    let Some((a, b)) = differences(a, b).into_iter().min_by_key(step) else { return String::new() };
    let words =
        |line: Option<Line>| line.map_or_else(|| "nothing".to_owned(), |line| without_digits(&line.text));
    format!("{} | {}", words(a), words(b))
}

fn without_digits(text: &str) -> String {
    text.split(' ')
        .map(|word| if word.starts_with(['@', 'z', '$', '\'']) { "…" } else { word })
        .collect::<Vec<_>>()
        .join(" ")
}

/// The case step by step, and what either server said; what differs is marked with `-` and `+`.
pub fn report(case: &Case, names: [&str; 2], a: &[Line], b: &[Line]) -> String {
    let mut out = String::new();
    let mut differs = false;
    let _ = writeln!(out, "- is {}, + is {}", names[0], names[1]);
    for step in 0..=case.steps.len() + 1 {
        match step.checked_sub(1).and_then(|at| case.steps.get(at)) {
            Some(step_made) => drop(writeln!(out, "{step:3}. {step_made}")),
            None if step == 0 => (),
            None => drop(writeln!(out, "{step:3}. all end their sessions")),
        }
        for client in clients() {
            let at = |lines: &[Line]| -> Vec<String> {
                of(lines, client).filter(|line| line.step == step).map(|line| line.text.clone()).collect()
            };
            // What is left follows from what came before, where that differs.
            if client == OBSERVER && differs {
                continue;
            }
            differs |= at(a) != at(b);
            tell(&mut out, client, &at(a), &at(b));
        }
    }
    out
}

fn tell(out: &mut String, client: usize, a: &[String], b: &[String]) {
    let name = if client == OBSERVER { "afterwards".to_owned() } else { format!("client {client}") };
    for at in 0..a.len().max(b.len()) {
        match (a.get(at), b.get(at)) {
            (Some(x), Some(y)) if x == y => {
                // What is left is long, and of interest only where it differs.
                if client != OBSERVER {
                    let _ = writeln!(out, "       {name}: {x}");
                }
            }
            (x, y) => {
                for (mark, text) in [('-', x), ('+', y)] {
                    let _ = writeln!(out, "     {mark} {name}: {}", text.map_or("nothing", String::as_str));
                }
            }
        }
    }
}

fn of(lines: &[Line], client: usize) -> impl Iterator<Item = &Line> {
    lines.iter().filter(move |line| line.client == client)
}

fn clients() -> impl Iterator<Item = usize> {
    (0..CLIENTS).chain([OBSERVER])
}
