//! Why a measurement did not take place, or does not count.

/// The reasons, by what to do next.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// Change the command line.
    #[error("{0}")]
    Usage(String),
    /// Nothing was measured: the servers, or the way to them, are not fit for it.
    #[error("{doing}: {problem}")]
    Setup {
        /// What was tried.
        doing: String,
        /// Why it failed.
        problem: String,
    },
    /// It was measured, but some replies were wrong or missing. The report has been printed.
    #[error("{0} errors: the figures do not count; the first ones are in the report")]
    Errors(u64),
    /// The system refused something to this process.
    #[error("{what}: {source}")]
    System {
        /// What was asked for.
        what: String,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// Result of anything that can end a measurement.
pub type Result<T> = std::result::Result<T, BenchError>;

impl BenchError {
    /// Something went wrong before anything was measured.
    pub fn setup(doing: impl Into<String>, problem: impl ToString) -> Self {
        Self::Setup { doing: doing.into(), problem: problem.to_string() }
    }

    /// The system's refusal of `what`, for `map_err`.
    pub fn system(what: &str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::System { what: what.to_owned(), source }
    }
}
