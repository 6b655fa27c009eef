//! The twin of the first program in `README.md`: what one would write as `async fn`, with tokio's names. It is counted, and never compiled.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;

async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:7007").await?;
    loop {
        let (stream, _peer) = listener.accept().await?;
        spawn_local(echo(stream));
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        stream.write_all_buf(&mut buffer).await?;
    }
}

#[tokio::main(flavor = "local")]
async fn main() -> io::Result<()> {
    select! {
        served = serve() => served,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            std::process::exit(130)
        }
    }
}
