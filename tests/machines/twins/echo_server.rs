//! The twin of `examples/echo_server.rs`: what one would write as `async fn`, with tokio's names. It is counted, and never compiled.

#[allow(dead_code, reason = "each server uses a part")]
mod support;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::process::ExitCode;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::LocalRuntime;
use tokio::select;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use self::support::{GRACE, PAUSE, announce, argument, complain, exit_code_of};

async fn echo(mut stream: TcpStream, stop: CancellationToken) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    loop {
        select! {
            read = stream.read_buf(&mut buffer) => if read? == 0 {
                return Ok(());
            },
            () = stop.cancelled() => break,
        }
        stream.write_all_buf(&mut buffer).await?;
    }
    loop {
        match stream.try_read_buf(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => stream.write_all_buf(&mut buffer).await?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    stream.shutdown().await?;
    while stream.read_buf(&mut buffer).await? > 0 {
        buffer.clear();
    }
    Ok(())
}

async fn serve(listener: TcpListener, stop: CancellationToken) {
    let (mut connections, mut failing) = (JoinSet::new(), false);
    loop {
        let accepted = select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = stop.cancelled() => break,
        };
        match accepted.and_then(|(stream, _)| stream.set_nodelay(true).map(|()| stream)) {
            Ok(stream) => {
                failing = false;
                connections.spawn_local(echo(stream, stop.clone()));
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    complain(format_args!("cannot accept, trying again: {error}"));
                }
                sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    let ending = async { while connections.join_next().await.is_some() {} };
    select! {
        _ = timeout(GRACE, ending) => {}
        _ = stop_signal() => {}
    }
    connections.shutdown().await;
}

async fn stop_signal() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    select! {
        interrupted = ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

fn main() -> ExitCode {
    let address = argument(1, "127.0.0.1:7007");
    exit_code_of(format_args!("echo_server {address}"), run(&address))
}

fn run(address: &str) -> Result<(), Exception> {
    let address = address.parse::<SocketAddr>()?;
    LocalRuntime::new()?.block_on(async {
        let listener = TcpListener::bind(address).await?;
        let (stop, stopping) = (CancellationToken::new(), stop_signal());
        announce([listener.local_addr()?])?;
        let serving = spawn_local(serve(listener, stop.clone()));
        stopping.await?;
        stop.cancel();
        serving.await?
    })
}
