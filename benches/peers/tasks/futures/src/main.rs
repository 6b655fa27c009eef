//! `futures::executor::LocalPool`, which has no timers.
use futures::executor::{LocalPool, LocalSpawner};
use std::cell::RefCell;
thread_local! {
    static SP: RefCell<Option<LocalSpawner>> = const { RefCell::new(None) };
}
mod rt {
    use futures::StreamExt;
    use futures::task::LocalSpawnExt;
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    pub fn spawn<F: Future<Output = ()> + 'static>(f: F) -> futures::future::RemoteHandle<()> {
        super::SP.with(|s| s.borrow().as_ref().unwrap().spawn_local_with_handle(f).unwrap())
    }
    pub fn forget(task: futures::future::RemoteHandle<()>) {
        task.forget();
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
    pub fn sleep(_: std::time::Duration) -> std::future::Pending<()> {
        panic!("no timers")
    }
    pub type OneTx = futures::channel::oneshot::Sender<()>;
    pub struct OneRx(futures::channel::oneshot::Receiver<()>);
    impl Future for OneRx {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            Pin::new(&mut self.0).poll(cx).map(|r| r.unwrap())
        }
    }
    pub fn one() -> (OneTx, OneRx) {
        let (t, r) = futures::channel::oneshot::channel();
        (t, OneRx(r))
    }
    pub fn one_send(t: OneTx) {
        t.send(()).unwrap()
    }
    pub type Tx = futures::channel::mpsc::UnboundedSender<u64>;
    pub type Rx = futures::channel::mpsc::UnboundedReceiver<u64>;
    pub fn chan() -> (Tx, Rx) {
        futures::channel::mpsc::unbounded()
    }
    #[inline]
    pub async fn send(t: &mut Tx, v: u64) {
        t.unbounded_send(v).unwrap()
    }
    #[inline]
    pub async fn recv(r: &mut Rx) -> u64 {
        r.next().await.unwrap()
    }
}
common::tasks!();
fn main() {
    let (b, n) = common::bench_arguments();
    let mut p = LocalPool::new();
    SP.with(|s| *s.borrow_mut() = Some(p.spawner()));
    p.run_until(async { rt::spawn(run_bench("futures, LocalPool", b, n)).await });
}
