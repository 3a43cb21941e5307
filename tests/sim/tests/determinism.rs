//! A seed decides everything: what happened, when, and in which order.

use std::process::{Command, Stdio};

/// What a seed says of itself: its events are hashed with their times.
fn play(seed: &str, traced: bool) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim-seed"));
    command.arg(seed).args(traced.then_some("--trace")).stderr(Stdio::null());
    let output = command.output().expect("the program runs");
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn a_seed_plays_the_same_twice_and_while_it_is_watched() {
    // One of each shape.
    for seed in ["1", "4"] {
        let first = play(seed, false);
        assert!(first.contains(" hash "), "{first}");
        assert_eq!(first, play(seed, false), "twice");
        assert_eq!(first, play(seed, true), "traced");
    }
}

#[test]
fn seeds_differ() {
    let hash =
        |said: String| said.split_whitespace().skip_while(|word| *word != "hash").nth(1).map(str::to_owned);
    assert_ne!(hash(play("5", false)), hash(play("6", false)));
}
