//! The twin of `Worker` in `examples/crawler/crawl.rs`: what one would write as `async fn`, with tokio's names. It is counted, and never compiled.

async fn work(crawl: Rc<Crawl>) -> Result<(), Error> {
    while let Some(job) = crawl.queue.recv().await {
        match timeout(crawl.options.limit, fetch(&job.url)).await {
            Ok(Ok(Answer::Page(page))) => {
                let (links, lines) = crawl.read(&job, &page);
                let results = Arc::clone(&crawl.results);
                let write = move || results.lock().unwrap_or_else(PoisonError::into_inner).write_all(lines.as_bytes());
                spawn_blocking(write).await??;
                crawl.count(|count| count.links += links);
            }
            Ok(Ok(Answer::Moved(to))) => crawl.follow(&job, &to),
            Ok(Ok(Answer::NoPage)) => {}
            Ok(Err(error)) => crawl.failed(&job.url, &error.to_string()),
            Err(_elapsed) => {
                crawl.failed(&job.url, &format!("not there after {:?}", crawl.options.limit));
            }
        }
        crawl.queue.task_done()?;
    }
    Ok(())
}
