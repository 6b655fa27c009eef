//! compio, with channels of local-sync. A task yields with `wake_by_ref`.
mod rt {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    pub struct J(compio::runtime::JoinHandle<()>);
    impl Future for J {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            Pin::new(&mut self.0).poll(cx).map(|r| assert!(r.is_ok()))
        }
    }
    pub fn spawn<F: Future<Output = ()> + 'static>(f: F) -> J {
        J(compio::runtime::spawn(f))
    }
    pub fn forget(task: J) {
        task.0.detach();
    }
    pub struct Yield(bool);
    impl Future for Yield {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            if std::mem::replace(&mut self.0, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    }
    pub fn yield_now() -> Yield {
        Yield(false)
    }
    pub use compio::time::sleep;
    pub type OneTx = local_sync::oneshot::Sender<()>;
    pub struct OneRx(local_sync::oneshot::Receiver<()>);
    impl Future for OneRx {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            Pin::new(&mut self.0).poll(cx).map(|r| r.unwrap())
        }
    }
    pub fn one() -> (OneTx, OneRx) {
        let (t, r) = local_sync::oneshot::channel();
        (t, OneRx(r))
    }
    pub fn one_send(t: OneTx) {
        t.send(()).unwrap()
    }
    pub type Tx = local_sync::mpsc::unbounded::Tx<u64>;
    pub type Rx = local_sync::mpsc::unbounded::Rx<u64>;
    pub fn chan() -> (Tx, Rx) {
        local_sync::mpsc::unbounded::channel()
    }
    #[inline]
    pub async fn send(t: &mut Tx, v: u64) {
        assert!(t.send(v).is_ok())
    }
    #[inline]
    pub async fn recv(r: &mut Rx) -> u64 {
        r.recv().await.unwrap()
    }
}
common::tasks!();
fn main() {
    let (b, n) = common::bench_arguments();
    compio::runtime::Runtime::new().unwrap().block_on(async { rt::spawn(run_bench("compio, io_uring", b, n)).await });
}
