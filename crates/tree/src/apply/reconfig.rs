//! `/zookeeper/config`: what it shows, and the two ends of a reconfiguration.
//!
//! The ensemble itself changes in the log's own membership, which this state does not see. A reconfiguration is
//! therefore checked here, then carried out by the gateway that asked, and at last published here; publishing again,
//! or publishing an ensemble that has been replaced meanwhile, changes nothing.

use bytes::BufMut;
use menagerie_jute::{Reader, ReconfigRequest, begin_reply, end_reply, write};
use menagerie_types::command::internal::PublishConfig;
use menagerie_types::command::{Command, Policy};
use menagerie_types::{ErrorCode, OpCode, perms};

use crate::checkpoint::RowKey;
use crate::ops::{ChangeKind, Txn, new_servers};
use crate::tree::special::CONFIG;
use crate::{Effects, State};

/// A hundred times what the largest ensemble needs.
const TEXT_LEN_MAX: usize = 1 << 20;

impl State {
    /// Checks a reconfiguration. The reply, to the gateway, is the index of the ensemble that it changes (u64) and
    /// the new servers' lines (jute string).
    pub(super) fn begin_reconfig<E: Effects>(
        &mut self,
        txn: &Txn<'_>,
        command: &Command<'_>,
        effects: &mut E,
    ) -> Result<(), ErrorCode> {
        let request = ReconfigRequest::decode(&mut Reader::new(command.body));
        let request = request.map_err(|_| ErrorCode::MarshallingError)?;
        if !txn.policy.contains(Policy::RECONFIG_ENABLED) {
            return Err(ErrorCode::ReconfigDisabled);
        }
        if !txn.policy.contains(Policy::ENSEMBLE) {
            return Err(ErrorCode::Unimplemented);
        }
        let id = self.tree.require(CONFIG)?;
        let node = self.tree.get(id);
        if self.ensemble.0 == 0 {
            // The ensemble has not said who belongs to it yet.
            return Err(ErrorCode::ReconfigInProgress);
        }
        // The version of what is shown is the transaction that made it.
        if request.config_id != -1 && request.config_id != node.rare().mzxid.0 {
            return Err(ErrorCode::BadVersion);
        }
        let text = node.data().unwrap_or_default();
        let servers = new_servers(&String::from_utf8_lossy(text), &request)?;
        self.tree.authorize(id, txn.auth, perms::WRITE)?;
        let lines: Vec<_> = servers.values().map(ToString::to_string).collect();
        let out = effects.replies();
        let mark = begin_reply(out, command.xid, txn.zxid, 0);
        out.put_u64(self.ensemble.0);
        write::string(out, Some(&lines.join("\n")));
        end_reply(out, mark);
        Ok(())
    }

    /// Shows an ensemble, unless a later one is shown. FinishReconfig is answered with what is shown then.
    pub(super) fn publish_config<E: Effects>(
        &mut self,
        txn: &Txn<'_>,
        command: &Command<'_>,
        config: &PublishConfig,
        effects: &mut E,
    ) -> Result<(), ErrorCode> {
        if config.text.len() > TEXT_LEN_MAX {
            return Err(ErrorCode::BadArguments);
        }
        let id = self.tree.require(CONFIG)?;
        if config.membership_index > self.ensemble {
            let text = format!("{}\nversion={:x}", config.text, txn.zxid.0);
            self.tree.set_config_data(id, text.as_bytes(), txn.zxid, txn.time_ms);
            self.ensemble = config.membership_index;
            self.rows.mark(RowKey::Ensemble);
            let change = self.tree.change(ChangeKind::DataSet, id, CONFIG.into());
            self.report(txn.zxid, &change, effects);
        }
        if command.op != OpCode::FinishReconfig {
            self.reply(command, effects);
            return Ok(());
        }
        let node = self.tree.get(id);
        let out = effects.replies();
        let mark = begin_reply(out, command.xid, txn.zxid, 0);
        write::buffer(out, node.data());
        write::stat(out, &node.stat());
        end_reply(out, mark);
        Ok(())
    }
}
