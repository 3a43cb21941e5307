//! Calls of `establish` that wait for their results.

use std::collections::HashMap;

use menagerie_proto::session_tracker::Established;
use menagerie_proto::{ServiceError, ServiceResult};
use tokio::sync::oneshot;

/// What a call waits for.
pub(crate) type Answers = ServiceResult<Vec<Option<Established>>>;

/// One attempt of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    batch: u64,
    index: usize,
}

#[derive(Debug)]
struct Batch {
    answers: Vec<Option<Established>>,
    waiting: usize,
    /// Taken once answered; a failed batch is answered before its last result.
    reply: Option<oneshot::Sender<Answers>>,
}

/// All of them. A call that is given up by its caller stays until its results are in, and no longer.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    open: HashMap<u64, Batch>,
    next: u64,
    waiting: usize,
}

impl Batches {
    /// Attempts without a result, in all calls.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// A call with `count` attempts; each slot is to be settled once.
    pub(crate) fn open(
        &mut self,
        count: usize,
    ) -> (impl Iterator<Item = Slot> + use<>, oneshot::Receiver<Answers>) {
        let (reply, answer) = oneshot::channel();
        let batch = self.next;
        self.next += 1;
        self.waiting += count;
        let entry = Batch { answers: vec![None; count], waiting: count, reply: Some(reply) };
        self.open.insert(batch, entry);
        self.answer_if_complete(batch);
        ((0..count).map(move |index| Slot { batch, index }), answer)
    }

    /// The result of one attempt. An error fails the whole call at once.
    pub(crate) fn settle(&mut self, slot: Slot, result: ServiceResult<Option<Established>>) {
        let Some(batch) = self.open.get_mut(&slot.batch) else {
            return;
        };
        batch.waiting -= 1;
        self.waiting -= 1;
        match result {
            Ok(answer) => batch.answers[slot.index] = answer,
            Err(error) => answer(batch, Err(error)),
        }
        self.answer_if_complete(slot.batch);
    }

    /// No result will come any more.
    pub(crate) fn fail_all(&mut self, error: &ServiceError) {
        for (_, mut batch) in self.open.drain() {
            answer(&mut batch, Err(error.clone()));
        }
        self.waiting = 0;
    }

    fn answer_if_complete(&mut self, id: u64) {
        if self.open.get(&id).is_some_and(|batch| batch.waiting == 0)
            && let Some(mut batch) = self.open.remove(&id)
        {
            let answers = std::mem::take(&mut batch.answers);
            answer(&mut batch, Ok(answers));
        }
    }
}

fn answer(batch: &mut Batch, answers: Answers) {
    if let Some(reply) = batch.reply.take() {
        // A caller that has gone away needs no answer; what it made expires.
        let _gone = reply.send(answers);
    }
}
