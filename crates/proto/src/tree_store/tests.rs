//! A link over a real socket.

use std::time::Duration;

use bytes::Bytes;
use menagerie_types::NodeId;
use menagerie_types::Zxid;
use menagerie_types::command::registration::Role;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Server};

use super::*;
use crate::ServiceError;

/// Three of them do not fit into one message.
const FRAMES_LEN: usize = 3 * 1024 * 1024;

/// A replica whose only link delivers what is staged in it.
struct Fixed(Arc<LinkQueue>);

struct FixedLink(Arc<LinkQueue>);

impl StoreLink for FixedLink {
    fn read(&mut self, _token: u64, _read: &Command<'_>, _out: &mut BytesMut) -> ReadOutcome {
        ReadOutcome::Closed
    }

    fn unwatch(&mut self, _path: &str, _kinds: WatchKinds) {}

    fn await_applied(&mut self, _index: LogIndex) {}

    fn flush(&mut self) {}

    fn queue(&self) -> &Arc<LinkQueue> {
        &self.0
    }
}

#[async_trait]
impl TreeStore for Fixed {
    async fn link(&self, _hello: LinkHello) -> ServiceResult<Box<dyn StoreLink>> {
        Ok(Box::new(FixedLink(Arc::clone(&self.0))))
    }

    async fn fetch_checkpoint(&self) -> ServiceResult<CheckpointStream> {
        Err(ServiceError::Deadline)
    }

    async fn directory(&self) -> ServiceResult<Directory> {
        Ok(Directory::default())
    }

    async fn register(&self, _: Registered) -> ServiceResult<()> {
        Ok(())
    }

    async fn unregister(&self, _: Role, _: NodeId) -> ServiceResult<bool> {
        Ok(false)
    }

    async fn status(&self) -> ServiceResult<TreeStoreStatus> {
        Err(ServiceError::Deadline)
    }
}

fn results(first_seq: u64) -> LinkItem {
    LinkItem::Results { first_seq, count: 1, frames: Bytes::from(vec![7; FRAMES_LEN]) }
}

#[tokio::test]
async fn what_belongs_together_arrives_together_however_many_messages_it_takes() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let far = Arc::new(LinkQueue::default());
    let service = TreeStoreServer::service(Arc::new(Fixed(Arc::clone(&far))));
    let serving =
        Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener));
    let serving = tokio::spawn(serving);
    let applied = LinkItem::Applied { index: LogIndex(1), zxid: Zxid(1) };
    far.push(applied.clone());
    let channel = Channel::from_shared(format!("http://{address}")).expect("an address").connect_lazy();
    let link = TreeStoreClient::new(channel).link(LinkHello::default()).await.expect("link");
    let near = Arc::clone(link.queue());
    let next = async || {
        tokio::time::timeout(Duration::from_secs(20), near.ready()).await.expect("in time");
        let mut items = Vec::new();
        near.take(&mut items).map(|()| items)
    };
    assert_eq!(next().await, Ok(vec![applied.clone()]));
    for round in 0..3 {
        let first_seq = round * 4 + 1;
        (first_seq..first_seq + 4).for_each(|seq| far.stage(results(seq)));
        far.commit();
        far.wake();
        let items = next().await.expect("the link stands");
        assert!(
            items.iter().eq(&(first_seq..first_seq + 4).map(results).collect::<Vec<_>>()),
            "{}",
            items.len()
        );
    }
    far.stage(results(9));
    far.close(ServiceError::Unavailable("over".into()));
    assert!(next().await.is_err(), "what was not complete never comes");
    serving.abort();
}
