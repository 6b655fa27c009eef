//! The operations of a program. A number chooses one of the existing objects, modulo their count.

use crate::random::Random;

/// The number of a script, which is the body of a piece of user code.
pub(crate) type Script = u8;

/// How many scripts there are. The first is always empty.
pub(crate) const SCRIPTS: u8 = 9;

/// An operation, its place in the program, and the loop it uses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) place: Place,
    pub(crate) event_loop: u8,
    pub(crate) operation: Operation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Between two runs of the loop.
    Main,
    In(Script),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    /// The call of this number into this script panics.
    Panic(Script, u32),

    CallSoon(Script),
    CallSoonRaising(Script),
    CallLater(u8, Script),
    CallThreadsafe(Script),
    CancelHandle(u8),
    CancelTimer(u8),
    Stop,
    RunOnce,
    RunFor(u8),
    RunForever,
    RunScript(Script),
    Close,
    DropLoop,
    SetHandler(Script),
    CallHandler,
    SetFactory(u8, Script),
    PrintLoop,

    NewFuture,
    SetResult(u8, Script),
    SetException(u8),
    LoseException,
    CancelFuture(u8),
    DropFuture(u8),
    Result(u8),
    TakeResult(u8),
    PrintFuture(u8),
    AddCallback(u8, Script),
    RemoveCallback(u8),

    Spawn(Script, Script),
    SpawnEager(Script, Script),
    SpawnFailing(Script),
    CancelTask(u8),
    Uncancel(u8),
    DropTask(u8),
    TaskResult(u8),
    AddTaskCallback(u8, Script),
    PrintTask(u8),
    PrintAll,
    CancelAll,

    PutNow(u8, Script),
    GetNow(u8),
    TaskDone(u8),
    ShutQueue(u8, bool),
    PrintQueue(u8),
    TryLock,
    TryPermit,
    Unhold(u8),
    SetEvent,
    ClearEvent,
    Notify(u8),
    Release,
    SetVariable(Script),
    ReadVariable,
    RunInContext(Script),
    NewGenerator(Script, Script),
    DropGenerator(u8),

    /// Only in a coroutine: waits.
    Await(Wait),
    /// Only in a coroutine: catches the exceptions of later waits.
    Catch,
    Raise,
    /// Only in a generator: yields an item.
    Give(Script),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    Turn,
    Sleep(u8),
    Future(u8),
    JoinFuture(u8),
    AnyFuture(u8),
    Task(u8),
    Get(u8),
    Put(u8, Script),
    JoinQueue(u8),
    Lock,
    Hold(Script),
    Event,
    Condition,
    ConditionFor(Script),
    Permit,
    Barrier,
    Call(Script),
    Gather(Script, Script),
    GatherAll(Script, u8),
    GatherFutures(u8, u8),
    Limited(Script, u8),
    Timeout(Script, u8),
    Shield(Script),
    ShieldFuture(u8),
    Group(Script, Script),
    AsCompleted(Script, u8),
    Several(u8, u8, u8),
    Race(Script, Script),
    Stack(Script, Script),
    Next(u8),
    Throw(u8),
    CloseGenerator(u8),
    CloseGenerators,
}

/// The program of a seed.
pub(crate) fn program(seed: u64) -> Vec<Line> {
    let mut random = Random::new(seed);
    let mut lines = Vec::new();
    if random.one_in(2) {
        let number = if random.one_in(2) { random.below(4) } else { random.below(20) };
        let operation = Operation::Panic(script(&mut random), number as u32);
        lines.push(Line { place: Place::Main, event_loop: 0, operation });
    }
    // Few kinds in one program, most of the time, bring more of one kind together.
    let few = if random.one_in(3) { 4 } else { 64 };
    let kinds: Vec<usize> = (0..few).map(|_| random.below(KINDS)).collect();
    for _ in 0..8 + random.below(24) {
        let operation = operation(&mut random, &kinds, false);
        lines.push(Line { place: Place::Main, event_loop: which_loop(&mut random), operation });
    }
    for script in 1..SCRIPTS {
        for _ in 0..random.below(7) {
            let operation = operation(&mut random, &kinds, true);
            lines.push(Line { place: Place::In(script), event_loop: which_loop(&mut random), operation });
        }
    }
    lines
}

fn which_loop(random: &mut Random) -> u8 {
    u8::from(random.one_in(9))
}

fn operation(random: &mut Random, kinds: &[usize], in_script: bool) -> Operation {
    if in_script && random.one_in(3) {
        return match random.below(6) {
            0 => Operation::Catch,
            1 => Operation::Give(script(random)),
            _ => Operation::Await(wait(random)),
        };
    }
    let kind = if random.one_in(2) { random.choose(kinds) } else { random.below(KINDS) };
    let (a, b) = (random.below(8) as u8, script(random));
    operation_of(kind, a, b, random)
}

/// A script; often the empty one.
fn script(random: &mut Random) -> Script {
    if random.one_in(3) { 0 } else { random.below(SCRIPTS.into()) as Script }
}

/// The number of kinds that [`operation_of`] knows. Larger numbers become the most common operations.
const KINDS: usize = 76;

fn operation_of(kind: usize, a: u8, b: Script, random: &mut Random) -> Operation {
    use Operation::*;
    match kind {
        0 => CallSoonRaising(b),
        1 => CallLater(a, b),
        2 => CallThreadsafe(b),
        3 => CancelHandle(a),
        4 => CancelTimer(a),
        5 => Stop,
        6 | 7 => RunOnce,
        8 => RunFor(a),
        9 => RunForever,
        10 => RunScript(b),
        11 if random.one_in(3) => Close,
        12 if random.one_in(4) => DropLoop,
        13 => SetHandler(b),
        14 => CallHandler,
        15 => SetFactory(a, b),
        16 => PrintLoop,
        17 | 18 => NewFuture,
        19 | 20 => SetResult(a, b),
        21 => SetException(a),
        22 => LoseException,
        23 => CancelFuture(a),
        24 => DropFuture(a),
        25 => Result(a),
        26 => TakeResult(a),
        27 => PrintFuture(a),
        28 | 29 => AddCallback(a, b),
        30 => RemoveCallback(a),
        31..=34 => Spawn(script(random), b),
        35 => SpawnEager(script(random), b),
        36 => SpawnFailing(b),
        37 | 38 => CancelTask(a),
        39 => Uncancel(a),
        40 => DropTask(a),
        41 => TaskResult(a),
        42 => AddTaskCallback(a, b),
        43 => PrintTask(a),
        44 => PrintAll,
        45 if random.one_in(2) => CancelAll,
        46 | 47 => PutNow(a, b),
        48 => GetNow(a),
        49 => TaskDone(a),
        50 if random.one_in(3) => ShutQueue(a, random.one_in(2)),
        51 => PrintQueue(a),
        52 => TryLock,
        53 => TryPermit,
        54 | 55 => Unhold(a),
        56 => SetEvent,
        57 => ClearEvent,
        58 => Notify(a),
        59 => Release,
        60 => SetVariable(b),
        61 => ReadVariable,
        62 => RunInContext(b),
        63 | 64 => NewGenerator(script(random), b),
        65 => DropGenerator(a),
        66 => Raise,
        67 | 68 => RunOnce,
        69 => Spawn(script(random), b),
        _ => CallSoon(b),
    }
}

fn wait(random: &mut Random) -> Wait {
    use Wait::*;
    let (a, b) = (random.below(8) as u8, script(random));
    let c = script(random);
    match random.below(38) {
        0 => Sleep(a),
        1 | 2 => Future(a),
        3 => JoinFuture(a),
        4 => AnyFuture(a),
        5 | 6 => Task(a),
        7 => Get(a),
        8 => Put(a, b),
        9 => JoinQueue(a),
        10 => Lock,
        11 => Hold(b),
        12 => Event,
        13 => Condition,
        14 => ConditionFor(b),
        15 => Permit,
        16 => Barrier,
        17 => Call(b),
        18 => Gather(b, c),
        19 => GatherAll(b, a),
        20 => GatherFutures(a, c),
        21 => Limited(b, a),
        22 => Timeout(b, a),
        23 => Shield(b),
        24 => ShieldFuture(a),
        25 => Group(b, c),
        26 => AsCompleted(b, a),
        27 => Several(a, c, b),
        28 => Race(b, c),
        29 => Stack(b, c),
        30..=32 => Next(a),
        33 => Throw(a),
        34 => CloseGenerator(a),
        35 => CloseGenerators,
        _ => Turn,
    }
}
