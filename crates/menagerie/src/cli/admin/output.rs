//! What a command has to say: text for people, JSON for scripts.

use std::fmt::Write;
use std::io::Write as _;

use serde_json::Value;

/// The result of a command, in both forms.
#[derive(Debug)]
pub struct Output {
    /// Lines for people.
    pub text: String,
    /// The same for scripts; one object.
    pub json: Value,
}

impl Output {
    /// Prints one of the two. A reader that has gone away is no error.
    pub fn print(&self, json: bool) {
        let text = if json { self.json.to_string() } else { self.text.trim_end().to_owned() };
        let _ = writeln!(std::io::stdout(), "{text}");
    }
}

/// Columns as wide as what stands in them.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a line of names.
    pub fn new(names: &[&str]) -> Self {
        Self { rows: vec![names.iter().map(|name| (*name).to_owned()).collect()] }
    }

    /// Adds a line; what is empty is shown as a dash.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into_iter().map(|c| if c.is_empty() { "-".to_owned() } else { c }).collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width =
            |at: usize| self.rows.iter().filter_map(|row| row.get(at)).map(|c| c.chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or(0)).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                write!(line, "{cell:<width$}  ")?;
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let mut table = Table::new(&["ID", "ADDRESS"]);
        table.row(["1".into(), "a:1".into()]);
        table.row(["10".into(), String::new()]);
        assert_eq!(table.to_string(), "ID  ADDRESS\n1   a:1\n10  -\n");
    }
}
