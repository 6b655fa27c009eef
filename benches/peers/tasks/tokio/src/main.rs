//! tokio. Arguments: BENCH N [ct|localset].
macro_rules! rt_mod {
    ($spawn:path $(, $send:ident)?) => {
        mod rt {
            use std::future::Future;
            use std::pin::Pin;
            use std::task::{Context, Poll};
            pub struct J(tokio::task::JoinHandle<()>);
            impl Future for J {
                type Output = ();
                fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
                    Pin::new(&mut self.0).poll(cx).map(|r| r.unwrap())
                }
            }
            pub fn spawn<F: Future<Output = ()> $(+ $send)? + 'static>(f: F) -> J {
                J($spawn(f))
            }
            pub use std::mem::drop as forget;
            pub use tokio::task::yield_now;
            pub use tokio::time::sleep;
            pub type OneTx = tokio::sync::oneshot::Sender<()>;
            pub struct OneRx(tokio::sync::oneshot::Receiver<()>);
            impl Future for OneRx {
                type Output = ();
                fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
                    Pin::new(&mut self.0).poll(cx).map(|r| r.unwrap())
                }
            }
            pub fn one() -> (OneTx, OneRx) {
                let (t, r) = tokio::sync::oneshot::channel();
                (t, OneRx(r))
            }
            pub fn one_send(t: OneTx) {
                t.send(()).unwrap()
            }
            pub type Tx = tokio::sync::mpsc::UnboundedSender<u64>;
            pub type Rx = tokio::sync::mpsc::UnboundedReceiver<u64>;
            pub fn chan() -> (Tx, Rx) {
                tokio::sync::mpsc::unbounded_channel()
            }
            #[inline]
            pub async fn send(t: &mut Tx, v: u64) {
                t.send(v).unwrap()
            }
            #[inline]
            pub async fn recv(r: &mut Rx) -> u64 {
                r.recv().await.unwrap()
            }
        }
        common::tasks!();
    };
}
mod ct {
    rt_mod!(tokio::spawn, Send);
}
mod ls {
    rt_mod!(tokio::task::spawn_local);
}
fn main() {
    let (b, n) = common::bench_arguments();
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if std::env::args().nth(3).as_deref() == Some("localset") {
        tokio::task::LocalSet::new()
            .block_on(&rt, async { tokio::task::spawn_local(ls::run_bench("tokio, LocalSet", b, n)).await.unwrap() });
    } else {
        rt.block_on(async { tokio::spawn(ct::run_bench("tokio", b, n)).await.unwrap() });
    }
}
