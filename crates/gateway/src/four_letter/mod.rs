//! Answers to four-letter words (reference section 7).

mod connections;
mod date;
mod environment;
mod monitor;
mod sessions;
mod watches;

pub use connections::{ConnectionLine, SessionLine, operation};
use menagerie_jute::four_letter::FourLetterWord::{self, *};

use crate::Shared;
use crate::about::port;
use crate::worker::{Core, Part};

/// What `srvr` calls this server: a version that ZooKeeper's own tools can parse.
const VERSION: &str =
    concat!("3.9.5-menagerie-", env!("CARGO_PKG_VERSION"), ", built on 2026-11-20 00:00 UTC");
const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving requests\n";

/// What a word may need to know beyond the worker's own state.
#[derive(Debug, Default)]
pub struct Gathered {
    /// What each worker says.
    pub parts: Vec<Part>,
    /// Bytes of the data and log directories.
    pub sizes: (u64, u64),
    /// Text of `/zookeeper/config`.
    pub config: String,
    /// Followers and observers that answer and know who leads.
    pub synced: (usize, usize),
}

/// True if the word is to be answered with what others know.
pub fn asks_others(word: FourLetterWord) -> bool {
    !matches!(word, Ruok | Isro | Gtmk | Stmk | Srst | Envi)
}

/// The text for a word that needs nobody else; `argument` is what follows it. The connection is closed behind it.
pub fn answer_at_once(core: &Core, word: FourLetterWord, argument: &[u8]) -> String {
    if let Err(refusal) = check(core, word) {
        return refusal;
    }
    let stats = &core.stats;
    match word {
        Ruok => "imok".into(),
        Isro => core.access().into(),
        Gtmk => stats.trace_mask().to_string(),
        Stmk => {
            let mask = argument.first_chunk().map_or(0, |mask| i64::from_be_bytes(*mask));
            stats.set_trace_mask(mask);
            mask.to_string()
        }
        Srst => {
            stats.reset();
            "Server stats reset.\n".into()
        }
        _ => environment::environment(),
    }
}

/// The text for a word that needs to know more.
pub fn answer(core: &Core, shared: &Shared, word: FourLetterWord, gathered: &Gathered) -> String {
    if let Err(refusal) = check(core, word) {
        return refusal;
    }
    match word {
        Srvr => summary(core, gathered, ""),
        Stat => summary(core, gathered, &connections::brief(&gathered.parts)),
        Cons => connections::full(&gathered.parts),
        Crst => "Connection stats reset.\n".into(),
        Wchs => watches::summary(&gathered.parts),
        Wchc => watches::by_session(&gathered.parts),
        Wchp => watches::by_path(&gathered.parts),
        Dump => sessions::dump(&gathered.parts),
        Mntr => monitor::monitor(core, shared, gathered),
        Conf => configuration(shared, gathered),
        Dirs => format!("datadir_size: {}\nlogdir_size: {}\n", gathered.sizes.0, gathered.sizes.1),
        Hash => {
            let facts = core.facts.lock();
            format!("{:x}: {}\n", facts.zxid.0, facts.digest)
        }
        other => answer_at_once(core, other, &[]),
    }
}

/// Refuses what is not on the list, and what only a server that serves can tell.
fn check(core: &Core, word: FourLetterWord) -> Result<(), String> {
    let listed = match word {
        Srvr => true,
        Isro => core.options.read_only_mode || core.options.four_letter_words.contains(&word),
        word => core.options.four_letter_words.contains(&word),
    };
    if !listed {
        return Err(format!("{} is not executed because it is not in the whitelist.\n", word.as_str()));
    }
    if matches!(word, Ruok | Isro | Gtmk | Stmk | Envi) || core.is_serving() || core.read_only.is_on() {
        return Ok(());
    }
    Err(if word == Hash { NOT_SERVING.trim_end() } else { NOT_SERVING }.into())
}

fn summary(core: &Core, gathered: &Gathered, clients: &str) -> String {
    let (facts, stats) = (core.facts.lock().clone(), &core.stats);
    let (note, mode) = match core.read_only.is_on() {
        true => ("READ-ONLY mode; serving only read-only clients\n", "read-only"),
        false => ("", &facts.mode[..]),
    };
    format!(
        "Zookeeper version: {VERSION}\n{note}{clients}Latency min/avg/max: {}\nReceived: {}\nSent: {}\n\
         Connections: {}\nOutstanding: {}\nZxid: {}\nMode: {mode}\nNode count: {}\n",
        stats.latency(),
        stats.received_total(),
        stats.sent_total(),
        stats.connections(),
        outstanding(gathered),
        core.zxid,
        // ZooKeeper counts the root twice.
        facts.znode_count + 1,
    )
}

/// Requests that no worker has answered.
fn outstanding(gathered: &Gathered) -> usize {
    gathered.parts.iter().map(|part| part.outstanding).sum()
}

fn configuration(shared: &Shared, gathered: &Gathered) -> String {
    let (options, about) = (&shared.options, &shared.options.about);
    let (least, most) = about.session_timeouts_ms;
    let mut text = format!(
        "clientPort={}\nsecureClientPort={}\ndataDir={}\ndataDirSize={}\ndataLogDir={}\ndataLogSize={}\n\
         tickTime={}\nmaxClientCnxns={}\nminSessionTimeout={least}\nmaxSessionTimeout={most}\n\
         clientPortListenBacklog={}\nserverId={}\n",
        port(shared.client_addr()),
        port(shared.secure_addr()),
        about.data_dir.display(),
        gathered.sizes.0,
        about.log_dir.display(),
        gathered.sizes.1,
        about.tick_time_ms,
        options.max_client_cnxns,
        options.backlog,
        about.server_id,
    );
    if let Some(quorum) = &about.quorum {
        text += &format!(
            "initLimit={}\nsyncLimit={}\nelectionAlg=3\nelectionPort={}\nquorumPort={}\npeerType={}\nmembership: \n{}",
            quorum.init_limit,
            quorum.sync_limit,
            quorum.election_port,
            quorum.quorum_port,
            u8::from(!quorum.votes),
            gathered.config,
        );
    }
    text
}
