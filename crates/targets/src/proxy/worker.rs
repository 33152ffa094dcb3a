//! A worker: one thread with a runtime, listeners, connections and pools of its own. Workers share the table, nothing else.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io,
    net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use arc_swap::{ArcSwap, cache::Cache};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, LocalOptions},
    sync::{Notify, mpsc, oneshot},
    task::AbortHandle,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    clock::Clock,
    connection::{self, Connections},
    peer::Peer,
    table::{Instance, Route, Table},
};

/// How often idle and stalled connections are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// What the workers share.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    /// The routes.
    pub(super) table: Arc<ArcSwap<Table>>,
    /// Told when a request of an instance that was taken away ends.
    pub(super) drained: Arc<Notify>,
    /// Open connections per worker.
    pub(super) loads: Arc<[AtomicUsize]>,
    /// How many connections a worker may have open.
    pub(super) most: usize,
    /// How long a client may take for the head of a request, or keep a connection without one.
    pub(super) head_within: Duration,
}

/// What a worker is told.
#[derive(Debug)]
enum Command {
    /// Take notice of a new table.
    Refresh(oneshot::Sender<()>),
    /// Accept connections.
    Listen { slot: usize, listener: StdListener },
    /// Accept no more.
    Unlisten {
        slot: usize,
        done: oneshot::Sender<()>,
    },
    /// Serve a connection that another worker accepted.
    Serve(Accepted),
    /// Finish what is in flight, for at most so long, and end.
    Stop(Duration),
}

/// A connection on its way from one worker to another.
#[derive(Debug)]
struct Accepted {
    slot: usize,
    stream: StdStream,
    client: SocketAddr,
    listener: SocketAddr,
}

/// A worker, as others see it.
#[derive(Debug)]
pub(super) struct Handle {
    commands: mpsc::UnboundedSender<Command>,
    thread: JoinHandle<()>,
}

impl Handle {
    /// Returns when every request that this worker takes from now on goes by the table that is in force now.
    pub(super) async fn refresh(&self) {
        let (done, refreshed) = oneshot::channel();
        self.tell(Command::Refresh(done));
        // An error means that the worker is gone, and with it every request it had.
        let _ = refreshed.await;
    }

    /// Accepts connections on a socket. They are routed by the slot.
    pub(super) fn listen(&self, slot: usize, listener: StdListener) {
        self.tell(Command::Listen { slot, listener });
    }

    /// Returns when the worker has given up the socket of a slot.
    pub(super) async fn unlisten(&self, slot: usize) {
        let (done, closed) = oneshot::channel();
        self.tell(Command::Unlisten { slot, done });
        let _ = closed.await;
    }

    /// Begins the end: no new connections, and what is in flight has so long.
    pub(super) fn stop(&self, within: Duration) {
        self.tell(Command::Stop(within));
    }

    /// Waits for the end.
    pub(super) fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("a worker of the proxy panicked");
        }
    }

    fn tell(&self, command: Command) {
        if self.commands.send(command).is_err() {
            tracing::debug!("a worker of the proxy has ended");
        }
    }
}

/// Starts so many workers.
pub(super) fn start(count: usize, shared: &Shared) -> io::Result<Vec<Handle>> {
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..count).map(|_| mpsc::unbounded_channel()).unzip();
    let mut handles = Vec::new();
    for (index, receiver) in receivers.into_iter().enumerate() {
        let runtime = Builder::new_current_thread();
        let shared = shared.clone();
        let everyone = senders.clone();
        let thread = std::thread::Builder::new()
            .name(format!("proxy-{index}"))
            .spawn(move || run(index, shared, everyone, receiver, runtime))?;
        handles.push(Handle {
            commands: senders[index].clone(),
            thread,
        });
    }
    Ok(handles)
}

fn run(
    index: usize,
    shared: Shared,
    everyone: Vec<mpsc::UnboundedSender<Command>>,
    commands: mpsc::UnboundedReceiver<Command>,
    mut runtime: Builder,
) {
    match runtime.enable_all().build_local(LocalOptions::default()) {
        Ok(runtime) => {
            runtime.block_on(Rc::new(Worker::new(index, shared, everyone)).run(commands));
        }
        Err(error) => tracing::error!(%error, "a worker of the proxy could not start"),
    }
}

/// A route with this worker's connections to its instances.
#[derive(Debug)]
pub(super) struct LocalRoute {
    /// The route.
    pub(super) route: Arc<Route>,
    peers: Vec<Rc<Peer>>,
    turn: Cell<usize>,
}

impl LocalRoute {
    /// Whose turn it is, leaving out those that were tried.
    pub(super) fn pick(&self, tried: &[Rc<Peer>]) -> Option<Rc<Peer>> {
        let count = self.peers.len();
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        (0..count)
            .map(|step| &self.peers[turn.wrapping_add(step) % count])
            .find(|peer| {
                !tried
                    .iter()
                    .any(|other| Arc::ptr_eq(&other.instance, &peer.instance))
            })
            .cloned()
    }
}

/// The table as this worker has it.
#[derive(Debug)]
struct View {
    table: Arc<Table>,
    routes: Vec<Rc<LocalRoute>>,
}

/// The state of a worker. Never leaves its thread.
#[derive(Debug)]
pub(super) struct Worker {
    /// Which one it is.
    pub(super) index: usize,
    /// Seconds are enough for time limits.
    pub(super) clock: Arc<Clock>,
    /// Those that are open.
    pub(super) connections: Connections,
    /// What it shares with the others.
    pub(super) shared: Shared,
    everyone: Vec<mpsc::UnboundedSender<Command>>,
    table: RefCell<Cache<Arc<ArcSwap<Table>>, Arc<Table>>>,
    view: RefCell<View>,
    listeners: RefCell<HashMap<usize, AbortHandle>>,
    left: Notify,
}

impl Worker {
    fn new(index: usize, shared: Shared, everyone: Vec<mpsc::UnboundedSender<Command>>) -> Self {
        Self {
            index,
            clock: Arc::new(Clock::new()),
            connections: Connections::default(),
            everyone,
            table: RefCell::new(Cache::new(shared.table.clone())),
            view: RefCell::new(View {
                table: Arc::default(),
                routes: Vec::new(),
            }),
            listeners: RefCell::default(),
            left: Notify::new(),
            shared,
        }
    }

    /// The route of a listener at this instant.
    pub(super) fn route(&self, slot: usize) -> Rc<LocalRoute> {
        self.refresh();
        self.view.borrow().routes[slot].clone()
    }

    /// Something that has to be over before the worker ends.
    pub(super) fn open(self: &Rc<Self>) -> Open {
        self.load().fetch_add(1, Ordering::Relaxed);
        Open(self.clone())
    }

    fn load(&self) -> &AtomicUsize {
        &self.shared.loads[self.index]
    }

    async fn run(self: Rc<Self>, mut commands: mpsc::UnboundedReceiver<Command>) {
        let sweeper = tokio::task::spawn_local(self.clone().sweep());
        while let Some(command) = commands.recv().await {
            match command {
                Command::Refresh(done) => {
                    self.refresh();
                    let _ = done.send(());
                }
                Command::Listen { slot, listener } => self.listen(slot, listener),
                Command::Unlisten { slot, done } => {
                    let task = self.listeners.borrow_mut().remove(&slot);
                    self.clone().unlisten(task, done);
                }
                Command::Serve(accepted) => self.take_over(accepted),
                Command::Stop(within) => {
                    self.stop(within).await;
                    break;
                }
            }
        }
        sweeper.abort();
    }

    /// Brings the view up to date, and lets go of the instances that are no longer in it.
    fn refresh(&self) {
        let mut cache = self.table.borrow_mut();
        let table = cache.load();
        if Arc::ptr_eq(table, &self.view.borrow().table) {
            return;
        }
        let table = table.clone();
        let mut view = self.view.borrow_mut();
        let mut known: HashMap<*const Instance, Rc<Peer>> = view
            .routes
            .iter()
            .flat_map(|route| &route.peers)
            .map(|peer| (Arc::as_ptr(&peer.instance), peer.clone()))
            .collect();
        let mut kept: HashMap<*const Instance, Rc<Peer>> = HashMap::new();
        let mut peer_of = |instance: &Arc<Instance>| {
            let pointer = Arc::as_ptr(instance);
            kept.entry(pointer)
                .or_insert_with(|| {
                    known.remove(&pointer).unwrap_or_else(|| {
                        Rc::new(Peer::new(
                            instance.clone(),
                            self.index,
                            self.clock.clone(),
                            self.shared.drained.clone(),
                        ))
                    })
                })
                .clone()
        };
        view.routes = table
            .routes
            .iter()
            .map(|route| {
                Rc::new(LocalRoute {
                    route: route.clone(),
                    peers: route.instances.iter().map(&mut peer_of).collect(),
                    // Workers begin at different instances, or the first would get more than its share.
                    turn: Cell::new(self.index),
                })
            })
            .collect();
        view.table = table;
        for gone in known.values() {
            gone.retire();
        }
    }

    fn listen(self: &Rc<Self>, slot: usize, listener: StdListener) {
        let address = listener.local_addr();
        match address.and_then(|address| Ok((TcpListener::from_std(listener)?, address))) {
            Ok((listener, address)) => {
                let task = tokio::task::spawn_local(self.clone().accept(slot, listener, address));
                self.listeners
                    .borrow_mut()
                    .insert(slot, task.abort_handle());
            }
            Err(error) => tracing::error!(%error, "a worker of the proxy could not listen"),
        }
    }

    fn unlisten(self: Rc<Self>, task: Option<AbortHandle>, done: oneshot::Sender<()>) {
        tokio::task::spawn_local(async move {
            if let Some(task) = task {
                task.abort();
                while !task.is_finished() {
                    tokio::task::yield_now().await;
                }
            }
            let _ = done.send(());
        });
    }

    async fn accept(self: Rc<Self>, slot: usize, listener: TcpListener, address: SocketAddr) {
        loop {
            while self.load().load(Ordering::Relaxed) >= self.shared.most {
                self.left.notified().await;
            }
            match listener.accept().await {
                Ok((stream, client)) => self.place(slot, stream, client, address),
                Err(error) => {
                    // No descriptors left, or the client was quicker to leave: neither goes away by spinning.
                    tracing::debug!(%error, "could not accept a connection");
                    sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }

    /// Gives a connection to the worker that has the fewest: all cores work, whoever was woken first.
    fn place(
        self: &Rc<Self>,
        slot: usize,
        stream: TcpStream,
        client: SocketAddr,
        listener: SocketAddr,
    ) {
        let loads = &self.shared.loads;
        let load = |index: usize| loads[index].load(Ordering::Relaxed);
        let least = (0..loads.len()).min_by_key(|index| load(*index));
        match least {
            // Handing over has its price: not for the last few.
            Some(other) if load(other) + load(self.index) / 8 < load(self.index) => {
                let Ok(stream) = stream.into_std() else {
                    return;
                };
                // Counted at once, or a burst of connections would all go the same way.
                loads[other].fetch_add(1, Ordering::Relaxed);
                let accepted = Accepted {
                    slot,
                    stream,
                    client,
                    listener,
                };
                if self.everyone[other].send(Command::Serve(accepted)).is_err() {
                    loads[other].fetch_sub(1, Ordering::Relaxed);
                }
            }
            _ => {
                let open = self.open();
                self.serve(open, slot, stream, client, listener);
            }
        }
    }

    fn take_over(self: &Rc<Self>, accepted: Accepted) {
        let open = Open(self.clone());
        if let Ok(stream) = TcpStream::from_std(accepted.stream) {
            self.serve(
                open,
                accepted.slot,
                stream,
                accepted.client,
                accepted.listener,
            );
        }
    }

    fn serve(
        self: &Rc<Self>,
        open: Open,
        slot: usize,
        stream: TcpStream,
        client: SocketAddr,
        listener: SocketAddr,
    ) {
        tokio::task::spawn_local(connection::serve(open, slot, stream, client, listener));
    }

    async fn sweep(self: Rc<Self>) {
        let mut ticks = interval(SWEEP_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.clock.tick();
            self.connections.wake_overdue(&self.clock);
            for route in &self.view.borrow().routes {
                for peer in &route.peers {
                    peer.sweep();
                }
            }
        }
    }

    async fn stop(self: &Rc<Self>, within: Duration) {
        for (_, task) in self.listeners.borrow_mut().drain() {
            task.abort();
        }
        self.connections.close();
        let all_left = async {
            while self.load().load(Ordering::Relaxed) > 0 {
                self.left.notified().await;
            }
        };
        if timeout(within, all_left).await.is_err() {
            let open = self.load().load(Ordering::Relaxed);
            tracing::warn!(open, "connections were cut off at the proxy's end");
        }
    }
}

/// Counts as open as long as it lives: a connection or a tunnel.
#[derive(Debug)]
pub(super) struct Open(Rc<Worker>);

impl Open {
    /// The worker it belongs to.
    pub(super) fn worker(&self) -> &Rc<Worker> {
        &self.0
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.load().fetch_sub(1, Ordering::Relaxed);
        self.0.left.notify_one();
    }
}
