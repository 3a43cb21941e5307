//! Answers to four-letter words (reference section 7).

use menagerie_jute::four_letter::FourLetterWord;

use crate::worker::{Core, Peer};

/// What `srvr` calls this server: a version that ZooKeeper's own tools can parse.
const VERSION: &str =
    concat!("3.9.5-menagerie-", env!("CARGO_PKG_VERSION"), ", built on 2026-11-20 00:00 UTC");
const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving requests\n";

/// The text for `word`; the connection is closed behind it.
pub fn answer(core: &mut Core, word: FourLetterWord) -> String {
    if word != FourLetterWord::Srvr && !core.options.four_letter_words.contains(&word) {
        return format!("{} is not executed because it is not in the whitelist.\n", word.as_str());
    }
    let serving = core.is_serving();
    match word {
        FourLetterWord::Ruok => "imok".into(),
        FourLetterWord::Isro if serving => "rw".into(),
        FourLetterWord::Isro => "null".into(),
        FourLetterWord::Srvr | FourLetterWord::Stat if !serving => NOT_SERVING.into(),
        FourLetterWord::Srvr => summary(core, ""),
        FourLetterWord::Stat => {
            let clients = clients(core);
            summary(core, &clients)
        }
        other => format!("{} is not executed because it is not in the whitelist.\n", other.as_str()),
    }
}

fn summary(core: &Core, clients: &str) -> String {
    let facts = core.facts.lock().clone();
    let stats = &core.stats;
    format!(
        "Zookeeper version: {VERSION}\n{clients}Latency min/avg/max: {}\nReceived: {}\nSent: {}\nConnections: {}\n\
         Outstanding: {}\nZxid: {}\nMode: {}\nNode count: {}\n",
        stats.latency(),
        stats.received_total(),
        stats.sent_total(),
        stats.connections(),
        core.outstanding.len(),
        core.zxid,
        facts.mode,
        // ZooKeeper counts the root twice.
        facts.znode_count + 1,
    )
}

fn clients(core: &mut Core) -> String {
    let mut text = String::from("Clients:\n");
    for conn in core.conns.iter_mut() {
        if let Peer::Socket(addr) = conn.peer {
            let (queued, received, sent) = (conn.writes + conn.reads, conn.received, conn.sent);
            text.push_str(&format!(" /{addr}[1](queued={queued},recved={received},sent={sent})\n"));
        }
    }
    text.push('\n');
    text
}
