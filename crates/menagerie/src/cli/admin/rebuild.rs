//! `menagerie admin rebuild`: sets what is damaged aside, so that a member that does not start any more begins empty and is
//! rebuilt from the others.

use std::path::{Path, PathBuf};

use clap::Args;
use menagerie_consensus::{LogSurvey, begin_behind};
use serde_json::json;

use super::offline::{self, Survey};
use super::output::Output;
use super::stores::failed;
use crate::data_dir::{DataDir, LOG_DIR, TREE_DIR};
use crate::error::{Error, Result};

/// `menagerie admin rebuild`.
#[derive(Clone, Debug, Args)]
pub struct RebuildArgs {
    /// The data directory of a process that does not run
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// The log, even if it is whole
    #[arg(long)]
    pub log: bool,
    /// The checkpoint of the tree, even if it is whole
    #[arg(long)]
    pub tree: bool,
    /// Also where something is lost: nobody else has it, or nobody can tell
    #[arg(long)]
    pub force: bool,
}

impl RebuildArgs {
    /// Sets aside; deletes nothing.
    pub fn run(self) -> Result<Output> {
        let (data, survey) = offline::look(&self.data_dir)?;
        let damaged = |damage: Option<&Option<String>>| damage.is_some_and(Option::is_some);
        let log = survey.log.is_some() && (self.log || damaged(survey.log.as_ref().map(|log| &log.damage)));
        let tree =
            survey.tree.is_some() && (self.tree || damaged(survey.tree.as_ref().map(|tree| &tree.damage)));
        let mut told = vec![format!("data directory {}", self.data_dir.display())];
        told.extend(survey.lines());
        if !log && !tree && survey.version.is_none() {
            told.push("nothing is damaged, and nothing was set aside; --log or --tree has a part rebuilt all the same".into());
            return Ok(output(&told, &survey, &[]));
        }
        let plan = if log { self.plan_log(&survey, tree)? } else { Plan::None };
        if tree {
            self.allow_tree(&survey, &plan)?;
        }
        let aside = carry_out(&data, (log, tree), &plan, &mut told)?;
        if survey.version.is_some() {
            data.mend_version()?;
            told.push("VERSION was written anew".into());
        }
        Ok(output(&told, &survey, &aside))
    }

    /// What becomes of the log.
    fn plan_log(&self, survey: &Survey, tree: bool) -> Result<Plan> {
        let Some(log) = &survey.log else { return Ok(Plan::None) };
        let ids: Vec<_> = log.members.iter().map(|member| member.id.to_string()).collect();
        match log.members.as_slice() {
            [_, _, ..] => Ok(Plan::FromOthers(ids.join(", "))),
            [only] => {
                let checkpoint = survey.tree.as_ref().filter(|_| !tree).and_then(|tree| tree.checkpoint);
                let lost = lost(log, checkpoint.map_or(0, |(index, ..)| index.0));
                if !self.force {
                    return Err(Error::command(format!(
                        "{}member {} is the only one: nobody can send its log again. {lost}. If a copy of the damaged file or a \
                         newer backup is nowhere to be had, --force goes on without; nothing was set aside",
                        damage(survey),
                        only.id
                    )));
                }
                Ok(match checkpoint {
                    Some((index, time_ms, _)) => Plan::Behind(index, time_ms, Box::new(only.clone()), lost),
                    None => Plan::Empty(lost),
                })
            }
            [] if self.force => Ok(Plan::FromOthers("unknown".into())),
            [] => Err(Error::command(format!(
                "{}the log no longer says who belongs to the ensemble: if others have the log, --force lets them send it \
                 again; nothing was set aside",
                damage(survey)
            ))),
        }
    }

    /// The tree comes from the log, or from another replica.
    fn allow_tree(&self, survey: &Survey, plan: &Plan) -> Result<()> {
        let Some(log) = &survey.log else { return Ok(()) };
        let begins_late = log.entries.is_none_or(|(first, _)| first.0 > 1);
        let alone = log.members.len() <= 1;
        if alone && begins_late && !self.force && !matches!(plan, Plan::FromOthers(_)) {
            let first = log.entries.map_or("nowhere".into(), |(first, _)| format!("at entry {first}"));
            return Err(Error::command(format!(
                "{}this is the only replica, and its log begins {first}: what came before is in this checkpoint alone. If a \
                 copy of it or a backup is nowhere to be had, --force goes on without; nothing was set aside",
                damage(survey)
            )));
        }
        Ok(())
    }
}

/// What becomes of a log.
#[derive(Debug)]
enum Plan {
    /// It stays.
    None,
    /// It begins empty, and these send it.
    FromOthers(String),
    /// It begins behind the checkpoint, with this member alone; what is lost.
    Behind(menagerie_types::LogIndex, i64, Box<menagerie_proto::consensus::Member>, String),
    /// It begins empty, and nobody has anything; what is lost.
    Empty(String),
}

fn carry_out(
    data: &DataDir,
    (log, tree): (bool, bool),
    plan: &Plan,
    told: &mut Vec<String>,
) -> Result<Vec<PathBuf>> {
    let mut aside = Vec::new();
    let mut set_aside = |name: &str, told: &mut Vec<String>| -> Result<()> {
        let path = data.set_aside(name)?;
        told.push(format!("{name} was set aside as {}", path.display()));
        aside.push(path);
        Ok(())
    };
    if log {
        set_aside(LOG_DIR, told)?;
    }
    // Without its log, a checkpoint is one of entries that will be others.
    if tree || matches!(plan, Plan::Empty(_)) && data.tree().exists() {
        set_aside(TREE_DIR, told)?;
    }
    match plan {
        Plan::None => told.push("when it is started, the tree is rebuilt from the log or from another replica".into()),
        Plan::FromOthers(ids) => told.push(format!(
            "when it is started, it begins empty and the others (members {ids}) send it all. Until it has caught up it has \
             forgotten what it acknowledged: start it while all others run, and rebuild no second member meanwhile"
        )),
        Plan::Behind(index, time_ms, member, lost) => {
            begin_behind(&data.log(), *index, *time_ms, member).map_err(failed)?;
            told.push(format!("a new log goes on behind entry {index}, which the checkpoint covers. {lost}"));
        }
        Plan::Empty(lost) => told.push(format!("when it is started, it is empty. {lost}")),
    }
    Ok(aside)
}

fn lost(log: &LogSurvey, covered: u64) -> String {
    match log.entries {
        Some((_, last)) if last.0 > covered && covered > 0 => {
            format!(
                "The checkpoint covers entry {covered}; entries {} to {last}, and what cannot be read, are lost",
                covered + 1
            )
        }
        _ if covered > 0 => format!("The checkpoint covers entry {covered}; what came after is lost"),
        _ => "Everything is lost: there is no checkpoint that can be used".into(),
    }
}

fn damage(survey: &Survey) -> String {
    survey.damage().iter().map(|damage| format!("{damage}; ")).collect()
}

fn output(told: &[String], survey: &Survey, aside: &[PathBuf]) -> Output {
    let mut json = survey.json();
    json["set_aside"] = json!(aside.iter().map(|path| text(path)).collect::<Vec<_>>());
    Output { text: told.join("\n  "), json }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
