//! The twin of `Scribe` in `examples/chat_room/member.rs`: what one would write as `async fn`, with tokio's names. It is counted, and never compiled.

async fn scribe(outbox: Outbox, writer: Rc<Writer>) -> Result<(), Error> {
    match write_lines(&outbox, &writer).await {
        Err(error) if is_connections(&error) => Ok(()),
        written => written,
    }
}

async fn write_lines(outbox: &Outbox, writer: &Writer) -> Result<(), Error> {
    while let Some(line) = outbox.recv().await {
        let mut next = Some(line);
        while let Some(line) = next {
            writer.write(line.as_bytes())?;
            let takes_more = !writer.is_paused() && !writer.is_closing();
            next = if takes_more { outbox.try_recv().ok() } else { None };
        }
        writer.drain().await?;
    }
    writer.shutdown().await
}
