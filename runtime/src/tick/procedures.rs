//! The procedures phase: calls by schedule and by request, with the result that running them one
//! after another would give.
//!
//! Calls run in rounds. Those of a round run side by side, each in its own transaction on the same
//! snapshot, and commit in the order of the queue; one whose reads, or ids, were changed by a call
//! before it runs again at its place. A procedure that was seen to pass over a whole table has a
//! round of its own, so that small calls do not make it run twice.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use rayon::prelude::*;

use super::{
    queue::QueueError,
    request::{Answer, Reply, ReplyTo},
    timeline::PhaseUse,
};
use crate::{
    Error,
    database::{Database, Persisted, flatten},
    metrics::Metrics,
    procedure::{CallError, Outcome, Params, PreparedCall, Signature, guarded, run},
    storage::Snapshot,
    transaction::{Moment, TransactionHandle, commit_locked},
};

/// Calls that run side by side at most: enough for all cores, few enough that the budget is looked
/// at often.
const ROUND_CALLS_MAX: usize = 64;

/// After this many runs a call takes its record ids at once, so that nobody can take them from it.
const RUNS_WITH_PROVISIONAL_IDS: usize = 3;

/// A call that waits for its turn.
pub(super) struct Call {
    job: Job,
    /// Who is told, and since when they wait; none where the schedule called.
    caller: Option<(Duration, ReplyTo)>,
}

/// What is called, with what.
struct Job {
    procedure: String,
    work: Work,
}

enum Work {
    /// A registered procedure with arguments that were checked against its signature.
    Named(Params),
    /// A procedure with arguments whose types the compiler has checked.
    Prepared(PreparedCall),
}

/// What a run left: its transaction, to be committed where the result is good.
struct Run {
    tx: TransactionHandle,
    result: Result<Outcome, Error>,
}

impl Call {
    pub(super) fn new(procedure: String, params: Params, since: Duration, reply: ReplyTo) -> Self {
        Self {
            job: Job {
                procedure,
                work: Work::Named(params),
            },
            caller: Some((since, reply)),
        }
    }

    pub(super) fn prepared(call: PreparedCall, since: Duration, reply: ReplyTo) -> Self {
        Self {
            job: Job {
                procedure: call.procedure.to_owned(),
                work: Work::Prepared(call),
            },
            caller: Some((since, reply)),
        }
    }

    /// Who waits for the call, where it will not be carried out any more.
    pub(super) fn into_reply(self) -> Option<ReplyTo> {
        self.caller.map(|(_, reply)| reply)
    }
}

/// Calls that wait, also from tick to tick, and what was learnt of procedures.
#[derive(Default)]
pub(super) struct Calls {
    /// Calls of former ticks, then those of the schedule, then those that arrived in this tick: so
    /// that nobody waits for ever, whatever the schedule takes.
    pending: VecDeque<Call>,
    /// Calls that arrived in this tick, behind which the schedule does not stand.
    arrived: Vec<Call>,
    /// Procedures that were seen to pass over a whole table.
    passing: HashSet<String>,
}

impl Extend<Call> for Calls {
    fn extend<I: IntoIterator<Item = Call>>(&mut self, calls: I) {
        self.arrived.extend(calls);
    }
}

/// What the phase has to work with.
pub(super) struct ProceduresPhase<'r> {
    pub(super) database: &'r Database,
    pub(super) metrics: &'r Metrics,
    pub(super) moment: Moment,
    /// The number of the tick before.
    pub(super) last_tick: u64,
    /// When the phase must stop starting rounds.
    pub(super) until: Duration,
}

impl ProceduresPhase<'_> {
    /// Carries out calls until none waits or the budget is spent. Gives what was done, and how
    /// many calls ran again.
    pub(super) fn run(&self, calls: &mut Calls) -> (PhaseUse, usize) {
        self.expire(calls);
        self.schedule(calls);
        calls.pending.extend(calls.arrived.drain(..));
        let (mut done, mut again) = (0, 0);
        while !calls.pending.is_empty() {
            if done > 0 && self.database.clock().now() >= self.until {
                break;
            }
            let round = calls.next_round();
            done += round.len();
            again += self.round(calls, round);
        }
        Metrics::add(&self.metrics.calls_run_again, again as u64);
        (
            PhaseUse {
                done,
                left: calls.pending.len(),
                ..PhaseUse::default()
            },
            again,
        )
    }

    /// Answers the calls that have waited too long; they are not carried out.
    fn expire(&self, calls: &mut Calls) {
        let now = self.database.clock().now();
        let deadline = Duration::from_millis(self.database.config().request_deadline_ms);
        let late = |call: &Call| {
            let since = call.caller.as_ref().map(|(since, _)| *since);
            since.is_some_and(|since| now.saturating_sub(since) > deadline)
        };
        if !calls.pending.iter().any(late) {
            return;
        }
        let (late, pending) = calls.pending.drain(..).partition::<VecDeque<_>, _>(late);
        calls.pending = pending;
        let version = self.database.snapshot().version();
        for (since, reply) in late.into_iter().filter_map(|call| call.caller) {
            let waited_ms = u64::try_from(now.saturating_sub(since).as_millis());
            let expired = QueueError::Expired {
                waited_ms: waited_ms.unwrap_or(u64::MAX),
            };
            Metrics::add(&self.metrics.expired_requests, 1);
            self.answer(reply, Err(expired.into()), version);
        }
    }

    /// Puts the procedures that are due behind the calls that wait, in the order of their names.
    fn schedule(&self, calls: &mut Calls) {
        let due = |signature: &&std::sync::Arc<Signature>| {
            // A procedure that was due in a skipped slot runs once.
            let every = signature.every.map(u64::from);
            every.is_some_and(|every| self.moment.tick / every > self.last_tick / every)
        };
        for signature in self.database.procedures().signatures().filter(due) {
            let name = &signature.name;
            let waits = |call: &Call| call.caller.is_none() && call.job.procedure == *name;
            if !calls.pending.iter().any(waits) {
                let job = Job {
                    procedure: name.clone(),
                    work: Work::Named(Params::default()),
                };
                calls.pending.push_back(Call { job, caller: None });
            }
        }
    }

    /// Runs the calls of one round and commits them in order.
    fn round(&self, calls: &mut Calls, round: Vec<Call>) -> usize {
        let base = self.database.snapshot();
        let jobs: Vec<&Job> = round.iter().map(|call| &call.job).collect();
        let runs: Vec<Run> = match jobs.as_slice() {
            [job] => vec![self.run_job(job, &base, true)],
            many => many
                .par_iter()
                .map(|job| self.run_job(job, &base, true))
                .collect(),
        };
        let mut again = 0;
        let mut answers = Vec::with_capacity(round.len());
        {
            let _alone = self.database.store().exclusive_gate();
            for (job, run) in jobs.into_iter().zip(runs) {
                if run.tx.has_passed() && !calls.passing.contains(&job.procedure) {
                    calls.passing.insert(job.procedure.clone());
                }
                answers.push(self.commit_in_place(job, run, &mut again));
            }
        }
        for (call, (result, version)) in round.into_iter().zip(answers) {
            self.tell(call, result, version);
        }
        again
    }

    fn run_job(&self, job: &Job, base: &Snapshot, provisional: bool) -> Run {
        let store = self.database.store();
        let begin = |isolation| {
            let tx = TransactionHandle::begin_on(store, base.clone(), isolation, self.moment, None);
            match provisional {
                true => tx.with_provisional_ids(),
                false => tx,
            }
        };
        match &job.work {
            Work::Named(params) => {
                let registered = self.database.procedures().get(&job.procedure);
                let registered = registered.expect("calls are checked when they come");
                let mut tx = begin(registered.signature.isolation);
                let result = run(registered, params, &mut tx);
                Run { tx, result }
            }
            Work::Prepared(call) => {
                let mut tx = begin(call.isolation);
                let result = guarded(&job.procedure, || (call.run)(&mut tx));
                Run { tx, result }
            }
        }
    }

    /// Commits a run, or runs the call again where something before it changed what it had read.
    fn commit_in_place(
        &self,
        job: &Job,
        mut run: Run,
        again: &mut usize,
    ) -> (Result<Outcome, Error>, u64) {
        for runs in 1.. {
            let current = self.database.snapshot();
            let version = current.version();
            // What an error says may rest on reads, so it counts only while those still hold.
            match run.result {
                Err(error) if run.tx.holds(&current) => return (Err(error), version),
                Err(_) => {}
                Ok(outcome) => match commit_locked(self.database.store(), run.tx) {
                    Ok(version) => return (Ok(outcome), version),
                    Err(error) if error.is_conflict() => {}
                    Err(error) => return (Err(flatten(error)), version),
                },
            }
            *again += 1;
            run = self.run_job(job, &current, runs < RUNS_WITH_PROVISIONAL_IDS);
        }
        unreachable!("nobody else commits, so the last run commits or fails for good")
    }

    fn tell(&self, call: Call, result: Result<Outcome, Error>, version: u64) {
        if let Err(error) = &result {
            let arguments = || {
                let Work::Named(params) = &call.job.work else {
                    return "given in Rust".to_owned();
                };
                let words = params
                    .iter()
                    .map(|(name, value)| format!("{name}: {}", value.describe()));
                words.collect::<Vec<_>>().join(", ")
            };
            let (procedure, tick) = (call.job.procedure.as_str(), self.moment.tick);
            if let Error::Call(CallError::Panicked { message, .. }) = error {
                Metrics::add(&self.metrics.procedure_panics, 1);
                tracing::error!(
                    procedure,
                    tick,
                    arguments = arguments(),
                    message,
                    "panicked"
                );
            } else if call.caller.is_none() {
                tracing::error!(procedure, tick, %error, "a scheduled procedure failed");
            }
        }
        if let Some((_, reply)) = call.caller {
            self.answer(reply, result, version);
        }
    }

    fn answer(&self, reply: ReplyTo, result: Result<Outcome, Error>, version: u64) {
        self.metrics.count_request("call", result.is_ok());
        let answer = Reply {
            result: result.map(Answer::Returned),
            tick: self.moment.tick,
            version,
            durability: Persisted::Memory,
        };
        answer.send(reply);
    }
}

impl Calls {
    /// The next calls that may run side by side.
    fn next_round(&mut self) -> Vec<Call> {
        let mut round = Vec::new();
        while let Some(call) = self.pending.front() {
            let alone = self.passing.contains(&call.job.procedure);
            if round.len() == ROUND_CALLS_MAX || (alone && !round.is_empty()) {
                break;
            }
            round.extend(self.pending.pop_front());
            if alone {
                break;
            }
        }
        round
    }

    /// Calls that wait for their turn and have somebody to be told.
    pub(super) fn waiting(&self) -> usize {
        let waits = |call: &&Call| call.caller.is_some();
        self.arrived.len() + self.pending.iter().filter(waits).count()
    }

    /// All calls that wait, where none will be carried out any more.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Call> {
        self.pending.drain(..).chain(self.arrived.drain(..))
    }
}
