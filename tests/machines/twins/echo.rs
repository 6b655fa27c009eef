//! The twin of `Echo` in the first program of `README.md`: what one would write as `async fn`, with tokio's names. It is counted, and never compiled.

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        stream.write_all_buf(&mut buffer).await?;
    }
}
