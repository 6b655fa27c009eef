use async_executor::LocalExecutor;
use async_io::Async;
use futures_lite::{AsyncReadExt, AsyncWriteExt, future};

fn main() {
    let ex: &'static LocalExecutor<'static> = Box::leak(Box::new(LocalExecutor::new()));
    // Accepts in a task of its own: `run` polls its own future after every event, and that future would try to accept then.
    ex.spawn(async move {
        let l = Async::<std::net::TcpListener>::new(common::listen(common::port_argument())).unwrap();
        common::ready();
        loop {
            if let Ok((mut s, _)) = l.accept().await {
                let _ = s.get_ref().set_nodelay(true);
                ex.spawn(async move {
                    let mut b = vec![0u8; 16384];
                    loop {
                        match s.read(&mut b).await {
                            Ok(n) if n > 0 => {
                                if s.write_all(&b[..n]).await.is_err() {
                                    return;
                                }
                            }
                            _ => return,
                        }
                    }
                })
                .detach();
            }
        }
    })
    .detach();
    async_io::block_on(ex.run(future::pending::<()>()));
}
