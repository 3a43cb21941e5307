//! The arrows between crates are those that ARCHITECTURE.md lists, no more and no less.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use cargo_metadata::MetadataCommand;

const HEADING: &str = "Dependency arrows";
const PREFIX: &str = "menagerie-";

/// From, to; crates' names without their common prefix.
type Arrow = (String, String);

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Those of every kind: development dependencies are dependencies too.
fn actual() -> anyhow::Result<BTreeSet<Arrow>> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec()?;
    let short = |name: &str| name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
    let members: BTreeSet<_> = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let mut arrows = BTreeSet::new();
    for package in &metadata.packages {
        for dependency in package.dependencies.iter().filter(|dependency| members.contains(&dependency.name))
        {
            arrows.insert((short(&package.name), short(&dependency.name)));
        }
    }
    Ok(arrows)
}

/// The lines `from -> to to to` of the fenced block under the heading.
fn listed(document: &str) -> anyhow::Result<BTreeSet<Arrow>> {
    let is_heading = |line: &&str| line.starts_with('#') && line.trim_start_matches('#').trim() == HEADING;
    let section = document.lines().skip_while(|line| !is_heading(line)).skip(1);
    let block = section.take_while(|line| !line.starts_with('#')).skip_while(|line| !line.starts_with("```"));
    let mut arrows = BTreeSet::new();
    for line in
        block.skip(1).take_while(|line| !line.starts_with("```")).filter(|line| !line.trim().is_empty())
    {
        let (from, to) = line.split_once("->").with_context(|| format!("no arrow in `{line}`"))?;
        for to in to.split_whitespace() {
            let arrow = (from.trim().to_owned(), to.to_owned());
            anyhow::ensure!(arrows.insert(arrow), "`{to}` twice in `{line}`");
        }
    }
    anyhow::ensure!(!arrows.is_empty(), "no fenced block under the heading `{HEADING}`");
    Ok(arrows)
}

#[test]
fn every_dependency_between_crates_is_listed_in_the_architecture_and_every_listed_one_exists() {
    let document =
        std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is readable");
    let (actual, listed) = (actual().expect("cargo metadata"), listed(&document).expect("a list of arrows"));
    let unlisted: Vec<_> = actual.difference(&listed).collect();
    let unreal: Vec<_> = listed.difference(&actual).collect();
    assert!(unlisted.is_empty(), "not listed in ARCHITECTURE.md: {unlisted:?}");
    assert!(unreal.is_empty(), "listed in ARCHITECTURE.md, but no crate depends so: {unreal:?}");
}

#[test]
fn the_list_is_read_as_written() {
    let document =
        "# A\n```\nx -> y\n```\n## Dependency arrows\nWords.\n\n```text\na -> b c\n\nb -> c\n```\n# Z\n";
    let arrow = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let expected = BTreeSet::from([arrow("a", "b"), arrow("a", "c"), arrow("b", "c")]);
    assert_eq!(listed(document).expect("a list"), expected);
    assert!(listed("# Dependency arrows\nnone\n").is_err());
    assert!(listed("# Dependency arrows\n```\na b\n```\n").is_err());
}
