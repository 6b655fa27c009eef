//! The twin of `Exchange` in `examples/crawler/http.rs`: what one would write as `async fn`, with tokio's names. It is counted, and never compiled.

pub(crate) async fn exchange<S: ByteStream>(mut stream: S, target: &str, authority: &str) -> Result<Answer, HttpError> {
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: innermost-crawler\r\nAccept: text/html\r\n\
         Connection: close\r\n\r\n"
    );
    let mut buffer = Buffer::from(request.into_bytes());
    stream.write_all(&mut buffer).await?;
    let mut body = loop {
        if stream.read(&mut buffer).await? == 0 {
            return Err(HttpError::EndsEarly);
        }
        match head(&mut buffer)? {
            Head::Partial => {}
            Head::Done(answer) => return Ok(answer),
            Head::Page(body) => break body,
        }
    };
    loop {
        let taken = body.take(buffer.bytes())?;
        buffer.consume(taken);
        if let Some(page) = body.whole(false) {
            return Ok(Answer::Page(page));
        }
        if stream.read(&mut buffer).await? == 0 {
            return body.whole(true).map(Answer::Page).ok_or(HttpError::EndsEarly);
        }
    }
}
