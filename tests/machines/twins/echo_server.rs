//! The twin of `Echo` and `Server` in `examples/echo_server.rs`: what one would write as `async fn`, with tokio's names. It is counted, and never compiled.

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

async fn accept(listener: TcpListener, stop: CancellationToken) {
    let (mut connections, mut failing) = (JoinSet::new(), false);
    loop {
        let accepted = select! {
            accepted = listener.accept() => accepted,
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
    if timeout(GRACE, ending).await.is_err() {
        connections.shutdown().await;
    }
}
