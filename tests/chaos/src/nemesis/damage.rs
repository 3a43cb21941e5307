//! Damaged and lost files of one stopped member, while all others are well and have all that it has.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rand::seq::{IndexedRandom, SliceRandom};
use tokio::time::{Instant, sleep};

use super::plan::Theme;
use super::{Nemesis, last_words};
use crate::cluster::flip::{self, Flip};
use crate::cluster::node::Component;
use crate::cluster::status;

const POLL: Duration = Duration::from_millis(50);
const REFUSES_WITHIN: Duration = Duration::from_secs(30);
const CATCHES_UP_WITHIN: Duration = Duration::from_secs(60);
/// For others to write, or to elect somebody wrong.
const AWAY: Duration = Duration::from_secs(3);
const SET_ASIDE: &str = "checkpoint set aside";

/// Damages what the theme says, if it says anything.
pub async fn inflict(nemesis: &mut Nemesis, theme: Theme) -> anyhow::Result<()> {
    let fits: fn(Component) -> bool = match theme {
        Theme::LogDamage => Component::votes,
        Theme::CheckpointDamage => Component::has_tree,
        Theme::LostDisk | Theme::LostDiskAndMore => Component::has_disk,
        _ => return Ok(()),
    };
    nemesis.recover().await?;
    catch_up(nemesis).await?;
    if theme == Theme::LostDiskAndMore {
        lost_disk_and_more(nemesis).await?;
        nemesis.recover().await?;
        return catch_up(nemesis).await;
    }
    let nodes: Vec<_> =
        (0..nemesis.cluster.nodes.len()).filter(|n| fits(nemesis.cluster.nodes[*n].plan.component)).collect();
    let node = *nodes.choose(&mut nemesis.random).context("nobody has a disk")?;
    nemesis.cluster.nodes[node].kill().await?;
    match theme {
        Theme::LogDamage => log(nemesis, node).await?,
        Theme::CheckpointDamage => checkpoint(nemesis, node).await?,
        _ => {
            let what = format!("lost disk: {}", nemesis.cluster.nodes[node].name());
            begin(nemesis, "lost disk", what);
            rebuild(nemesis, node).await?;
        }
    }
    nemesis.recover().await?;
    catch_up(nemesis).await
}

fn begin(nemesis: &mut Nemesis, kind: &'static str, what: String) {
    *nemesis.counts.entry(kind).or_default() += 1;
    nemesis.note("inject", what);
}

/// A voter loses its disk after another one has been away; then the only one that has everything goes for a while. The
/// two that are left must not go on without it.
async fn lost_disk_and_more(nemesis: &mut Nemesis) -> anyhow::Result<()> {
    let Some(leader) = nemesis.cluster.leader().await else { return Ok(()) };
    let voters =
        (0..nemesis.cluster.nodes.len()).filter(|n| nemesis.cluster.nodes[*n].plan.component.votes());
    let mut others: Vec<_> = voters.filter(|n| *n != leader).collect();
    others.shuffle(&mut nemesis.random);
    let (away, lost) = (others[0], others[1]);
    let name = |n: usize| nemesis.cluster.nodes[n].name().to_owned();
    let what = format!("{} away, then lost disk: {}, then kill -9 {}", name(away), name(lost), name(leader));
    begin(nemesis, "lost disk beside others away", what);
    nemesis.cluster.nodes[away].pause().await?;
    sleep(AWAY).await;
    nemesis.cluster.nodes[lost].kill().await?;
    nemesis.cluster.nodes[leader].kill().await?;
    rebuild(nemesis, lost).await?;
    nemesis.cluster.nodes[away].resume().await?;
    sleep(AWAY).await;
    nemesis.note("heal", "whoever has everything is back".to_owned());
    nemesis.cluster.nodes[leader].start()
}

async fn log(nemesis: &mut Nemesis, n: usize) -> anyhow::Result<()> {
    let Some(disk) = &nemesis.cluster.nodes[n].disk else { return Ok(()) };
    let Some(flip) = flip::in_log(&disk.data().join("log"), &mut nemesis.random)? else { return Ok(()) };
    let name = nemesis.cluster.nodes[n].name().to_owned();
    begin(nemesis, "flipped bit in a log", describe(&name, &flip));
    let node = &mut nemesis.cluster.nodes[n];
    let before = node.log_len();
    node.start()?;
    let deadline = Instant::now() + REFUSES_WITHIN;
    while node.has_ended()?.is_none() {
        if Instant::now() > deadline {
            nemesis.shared.violation(format!("{} serves after {}", name, describe(&name, &flip)));
            break;
        }
        sleep(POLL).await;
    }
    let text = nemesis.cluster.nodes[n].log_text();
    let said = &text[before.min(text.len())..];
    let file = flip.file.display().to_string();
    let at = format!("is corrupt at offset {}:", flip.record.unwrap_or(flip.offset));
    if said.lines().any(|line| line.contains(&file) && line.contains(&at)) {
        nemesis.note("note", format!("{name} refused: {}", last_words(said)));
    } else {
        nemesis
            .shared
            .violation(format!("{name} does not name {file} and {at} but says: {}", last_words(said)));
    }
    nemesis.cluster.nodes[n].kill().await?;
    nemesis.note("heal", format!("{name} is rebuilt from its peers"));
    rebuild(nemesis, n).await
}

async fn checkpoint(nemesis: &mut Nemesis, n: usize) -> anyhow::Result<()> {
    let Some(disk) = &nemesis.cluster.nodes[n].disk else { return Ok(()) };
    let Some(flip) = flip::in_checkpoint(&disk.data().join("tree"), &mut nemesis.random)? else {
        return Ok(());
    };
    let name = nemesis.cluster.nodes[n].name().to_owned();
    begin(nemesis, "flipped bit in a checkpoint", describe(&name, &flip));
    let before = nemesis.cluster.nodes[n].log_len();
    nemesis.recover().await?;
    let text = nemesis.cluster.nodes[n].log_text();
    if let Some(line) = text[before.min(text.len())..].lines().find(|line| line.contains(SET_ASIDE)) {
        nemesis.note("note", format!("{name}: {line}"));
        *nemesis.counts.entry("checkpoints set aside").or_default() += 1;
    }
    Ok(())
}

fn describe(name: &str, flip: &Flip) -> String {
    format!("flipped bit: {name}, {} at {}", flip.file.display(), flip.offset)
}

async fn rebuild(nemesis: &mut Nemesis, n: usize) -> anyhow::Result<()> {
    let node = &mut nemesis.cluster.nodes[n];
    node.disk.as_ref().context("it has no disk")?.empty().await?;
    node.start()
}

/// Waits until every member of the log, and every replica, has what the leader has committed by now.
async fn catch_up(nemesis: &Nemesis) -> anyhow::Result<()> {
    let cluster = &nemesis.cluster;
    let deadline = Instant::now() + CATCHES_UP_WITHIN;
    let mut target = None;
    loop {
        if target.is_none()
            && let Some(leader) = cluster.leader().await
        {
            let status = cluster.nodes[leader].status().await.ok();
            target = status.and_then(|status| status::field(&status, "consensus", "commit_index").as_u64());
        }
        let mut behind = Vec::new();
        for node in &cluster.nodes {
            let status = node.status().await.unwrap_or_default();
            let at_least = |component: &str, field: &str| {
                status::field(&status, component, field).as_u64().is_some_and(|at| Some(at) >= target)
            };
            let log = !node.plan.component.votes() || at_least("consensus", "last_index");
            let tree = !node.plan.component.has_tree() || at_least("tree-store", "applied_index");
            if !(log && tree) {
                behind.push(node.name());
            }
        }
        if target.is_some() && behind.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            ensure!(target.is_some(), "nobody leads");
            bail!("behind after {} s: {}", CATCHES_UP_WITHIN.as_secs(), behind.join(", "));
        }
        sleep(POLL).await;
    }
}
