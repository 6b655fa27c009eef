//! The twin of `Echo` in `examples/echo_server.rs`: what one would write as `async fn`, with tokio's names. It is counted, and never compiled.

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
