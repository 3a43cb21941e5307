//! A way to a member that can be closed.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections while open; closing it breaks them and refuses new ones.
pub struct Gate {
    pub address: SocketAddr,
    open: watch::Sender<bool>,
}

impl Gate {
    /// Opens a gate to `target` on the current runtime.
    pub async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (open, state) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((incoming, _)) = listener.accept().await {
                tokio::spawn(forward(incoming, target.clone(), state.clone()));
            }
        });
        Self { address, open }
    }

    pub fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }
}

async fn forward(mut incoming: TcpStream, target: String, mut open: watch::Receiver<bool>) {
    let pass = async {
        let mut outgoing = TcpStream::connect(target).await?;
        tokio::io::copy_bidirectional(&mut incoming, &mut outgoing).await
    };
    tokio::select! {
        biased;
        _ = open.wait_for(|open| !open) => {}
        _ = pass => {}
    }
}
