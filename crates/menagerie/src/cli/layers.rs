//! A TOML file below flags and environment: each of its keys becomes the default of the flag of that name.
//!
//! The file therefore knows exactly the flags that the role has, and its values go through the same checks.

use std::path::Path;

use clap::{ArgAction, ArgMatches, Command};
use toml::de::{DeTable, DeValue};

use crate::error::{Error, Result};
use crate::suggest::nearest;

/// A configuration file larger than this is some other file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// `command` with nothing required, to find out which file there is.
pub fn without_required(command: Command) -> Command {
    command.mut_subcommands(|role| match role.get_name() {
        "server" => role,
        _ => role.mut_args(|arg| arg.required(false)),
    })
}

/// The role and its TOML file, if one is named. `server` reads a file of another kind.
pub fn config_file(found: &ArgMatches) -> Option<(&str, &Path)> {
    let (role, found) = found.subcommand()?;
    if role == "server" {
        return None;
    }
    let path = found.try_get_one::<std::path::PathBuf>("config").ok()??;
    Some((role, path))
}

/// `command` with what the file says as the defaults of `role`.
pub fn with_file(command: Command, role: &str, path: &Path) -> Result<Command> {
    let text = read(path)?;
    let table = DeTable::parse(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(&text, span.start));
        Error::config(format!("{}:{line}", path.display()), error.message())
    })?;
    let mut command = command;
    for (key, value) in table.get_ref() {
        let place = format!("{}:{}: {}", path.display(), line_of(&text, key.span().start), key.get_ref());
        let values = values(value.get_ref()).map_err(|problem| Error::config(&place, problem))?;
        command = with_default(command, role, (key.get_ref(), values), &place)?;
    }
    Ok(command)
}

fn with_default(
    command: Command,
    role: &str,
    (key, values): (&str, Vec<String>),
    place: &str,
) -> Result<Command> {
    let flags = command.find_subcommand(role).into_iter().flat_map(Command::get_arguments);
    let known: Vec<(&str, &str)> = flags
        .filter_map(|arg| Some((arg.get_long()?, arg.get_id().as_str())))
        .filter(|(long, _)| !["config", "help", "version"].contains(long))
        .collect();
    let Some((_, id)) = known.iter().find(|(long, _)| *long == key) else {
        let hint = nearest(key, known.iter().map(|(long, _)| *long));
        let hint = hint.map_or_else(
            || format!("`menagerie {role} --help` lists them"),
            |k| format!("did you mean {k}?"),
        );
        return Err(Error::config(place, format!("no such setting of {role}; {hint}")));
    };
    let id = (*id).to_owned();
    let value = values.join(",");
    check(&command, role, (key, &value), place)?;
    Ok(command.mut_subcommand(role, |role| {
        role.mut_arg(id, |arg| match arg.get_action() {
            ArgAction::Append => arg.default_values(values),
            _ => arg.required(false).default_value(value),
        })
    }))
}

/// Tries the value as a flag, so that its fault is reported with the file's line.
fn check(command: &Command, role: &str, (key, value): (&str, &str), place: &str) -> Result<()> {
    let arguments = ["menagerie".to_owned(), role.to_owned(), format!("--{key}={value}")];
    match without_required(command.clone()).try_get_matches_from(arguments) {
        Ok(_) => Ok(()),
        Err(error) => {
            let text = error.render().to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            Err(Error::config(place, text.lines().next().unwrap_or_default()))
        }
    }
}

fn read(path: &Path) -> Result<String> {
    let fail = |problem: String| Error::config(path.display().to_string(), problem);
    let size = std::fs::metadata(path).map_err(|error| fail(format!("cannot be read: {error}")))?.len();
    if size > FILE_BYTES_MAX {
        return Err(fail(format!("is {size} bytes long, more than any configuration")));
    }
    std::fs::read_to_string(path).map_err(|error| fail(format!("cannot be read: {error}")))
}

/// Strings and numbers as they are; a list of them as a flag given several times, or one with commas, would have it.
fn values(value: &DeValue<'_>) -> std::result::Result<Vec<String>, String> {
    let scalar = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => Ok(number.to_string()),
        _ => Err("give a string, a whole number or a list of strings".to_owned()),
    };
    match value {
        DeValue::Array(items) => items.iter().map(|item| scalar(item.get_ref())).collect(),
        value => Ok(vec![scalar(value)?]),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|b| *b == b'\n').count()
}
