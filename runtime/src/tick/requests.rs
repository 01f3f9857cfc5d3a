//! The requests phase: all requests of a tick are one batch and one version, each with its own
//! outcome.

use std::{sync::RwLockWriteGuard, time::Duration};

use super::{
    builder::{Builder, Ended, Job},
    procedures::Call,
    queue::{Queue, QueueError, Waiting},
    request::{Answer, RecordInput, Reply, ReplyTo, Request},
    timeline::PhaseUse,
};
use crate::{
    Error,
    database::{Database, Persisted, SchemaChange, Started, flatten},
    metrics::Metrics,
    storage::{Draft, Snapshot},
    transaction::{Isolation, Moment, TransactionError, TransactionHandle, commit_into},
};

/// What the phase has to work with.
pub(super) struct RequestsPhase<'r> {
    pub(super) database: &'r Database,
    pub(super) queue: &'r Queue,
    pub(super) builder: &'r Builder,
    pub(super) metrics: &'r Metrics,
    pub(super) moment: Moment,
    /// When the phase must stop taking requests.
    pub(super) until: Duration,
}

/// What the requests of a tick come to.
#[derive(Default)]
struct Batch<'r> {
    /// The version that they make, from the first on that may change something.
    draft: Option<(RwLockWriteGuard<'r, ()>, Draft)>,
    /// Replies that wait for the publish.
    pending: Vec<Pending>,
    /// Changes of fields that began, to be handed over behind the publish.
    begun: Vec<Job>,
}

struct Pending {
    reply: ReplyTo,
    result: Result<Answer, Error>,
    schema_change: Option<SchemaChange>,
}

impl<'r> RequestsPhase<'r> {
    /// Carries out requests until none waits, the budget is spent, or the tick has had its
    /// number of them. Calls of procedures go to `calls`.
    pub(super) fn run(&self, calls: &mut impl Extend<Call>) -> PhaseUse {
        let config = self.database.config();
        let most = config
            .max_api_requests_per_tick
            .unwrap_or_else(|| config.queue_capacity());
        let deadline = Duration::from_millis(config.request_deadline_ms);
        let clock = self.database.clock();
        let mut done = 0;
        let mut batch = Batch::default();
        self.swap_in(&mut batch);
        while done < most {
            let now = clock.now();
            if now >= self.until && done > 0 {
                break;
            }
            let Some(waiting) = self.queue.pop() else {
                break;
            };
            done += 1;
            let waited = now.saturating_sub(waiting.since);
            if waited > deadline {
                Metrics::add(&self.metrics.expired_requests, 1);
                let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
                let expired = QueueError::Expired { waited_ms }.into();
                self.answer(
                    &mut batch,
                    waiting.request.kind(),
                    waiting.reply,
                    Err(expired),
                    None,
                );
                continue;
            }
            self.take(&mut batch, waiting, calls);
        }
        let Batch {
            draft,
            pending,
            begun,
        } = batch;
        let applied = match draft {
            Some((_gate, draft)) if !draft.is_empty() => self.database.store().publish(draft),
            _ => self.database.snapshot(),
        };
        // What they start from is published now.
        begun.into_iter().for_each(|job| self.builder.submit(job));
        self.reply(&applied, pending);
        PhaseUse {
            done,
            left: self.queue.len(),
            ..PhaseUse::default()
        }
    }

    /// Puts the changes of fields into the batch for which nearly everything is copied. They come
    /// before all requests, so that these find the table as it is then.
    fn swap_in(&self, batch: &mut Batch<'r>) {
        for ended in self.builder.take_ended() {
            let mut job = match ended {
                Ended::Ready(job) => job,
                Ended::Failed { kind, reply, error } => {
                    self.answer(batch, kind, reply, Err(error), None);
                    continue;
                }
            };
            let result = match job.build.swap(self.draft(batch)) {
                Ok(None) => {
                    batch.begun.push(job);
                    continue;
                }
                Ok(Some(schema)) => Ok(Answer::Table(schema)),
                Err(error) => Err(flatten(error)),
            };
            let Job { build, kind, reply } = job;
            self.builder.dispose(build);
            self.answer(batch, kind, reply, result, Some(SchemaChange::Records));
        }
    }

    /// Carries out one request.
    fn take(&self, batch: &mut Batch<'r>, waiting: Waiting, calls: &mut impl Extend<Call>) {
        let Waiting {
            request,
            reply,
            since,
        } = waiting;
        let kind = request.kind();
        let request = match request {
            Request::Call {
                procedure,
                arguments,
            } => {
                match self.database.procedures().check(&procedure, &arguments) {
                    Ok(params) => calls.extend([Call::new(procedure, params, since, reply)]),
                    Err(error) => self.answer(batch, kind, reply, Err(error.into()), None),
                }
                return;
            }
            Request::CallPrepared(call) => {
                calls.extend([Call::prepared(call, since, reply)]);
                return;
            }
            other => other,
        };
        let schema_change = schema_change_of(&request);
        let draft = self.draft(batch);
        let result = match request.into_fields_change() {
            Err(request) => self.carry_out(draft, request),
            Ok((table, change)) => match self.database.change_fields_in(draft, &table, change) {
                Ok(Started::UnderWay(build)) => {
                    batch.begun.push(Job { build, kind, reply });
                    return;
                }
                Ok(Started::Done(schema)) => Ok(Answer::Table(schema)),
                Err(error) => Err(error),
            },
        };
        self.answer(batch, kind, reply, result.map_err(flatten), schema_change);
    }

    /// The version that the batch makes; from the first call on, nobody else commits.
    fn draft<'b>(&self, batch: &'b mut Batch<'r>) -> &'b mut Draft {
        let (_gate, draft) = batch.draft.get_or_insert_with(|| {
            let gate = self.database.store().exclusive_gate();
            (gate, Draft::new(self.database.snapshot()))
        });
        draft
    }

    /// Notes what is to be answered behind the publish.
    fn answer(
        &self,
        batch: &mut Batch<'_>,
        kind: &'static str,
        reply: ReplyTo,
        result: Result<Answer, Error>,
        schema_change: Option<SchemaChange>,
    ) {
        self.metrics.count_request(kind, result.is_ok());
        batch.pending.push(Pending {
            reply,
            result,
            schema_change,
        });
    }

    fn carry_out(&self, draft: &mut Draft, request: Request) -> Result<Answer, TransactionError> {
        match request {
            Request::CreateTable(definition) => {
                let made = self.database.create_table_in(draft, &definition);
                made.map(Answer::Table)
            }
            Request::DropTable { table } => {
                let dropped = self.database.drop_table_in(draft, &table);
                dropped.map(|()| Answer::Done)
            }
            Request::LimitTable {
                table,
                memory_limit_bytes,
            } => {
                let limit = memory_limit_bytes;
                let limited = self.database.set_memory_limit_in(draft, &table, limit);
                limited.map(Answer::Table)
            }
            Request::CreateRelation(definition) => {
                let made = self.database.create_relation_in(draft, &definition);
                made.map(Answer::Relation)
            }
            Request::DropRelation { relation } => {
                let dropped = self.database.drop_relation_in(draft, &relation);
                dropped.map(|()| Answer::Done)
            }
            Request::CreateRecord { table, record } => self.in_transaction(draft, |tx| {
                let id = match &record {
                    RecordInput::Fields(fields) => tx.create_record(&table, fields)?,
                    RecordInput::Bytes(bytes) => tx.create_record_bytes(&table, bytes)?,
                };
                Ok(Answer::Record { id })
            }),
            Request::ReplaceRecord { table, id, record } => self.in_transaction(draft, |tx| {
                match &record {
                    RecordInput::Fields(fields) => tx.update_record(&table, id, fields)?,
                    RecordInput::Bytes(bytes) => tx.update_record_bytes(&table, id, bytes)?,
                }
                Ok(Answer::Done)
            }),
            Request::PatchRecord { table, id, patch } => self.in_transaction(draft, |tx| {
                tx.partial_update(&table, id, &patch)?;
                Ok(Answer::Done)
            }),
            Request::DeleteRecord { table, id } => self.in_transaction(draft, |tx| {
                tx.delete_record(&table, id)?;
                Ok(Answer::Done)
            }),
            Request::Call { .. } | Request::CallPrepared(_) => {
                unreachable!("calls go to the procedures phase")
            }
            Request::AddFields { .. } | Request::RemoveField { .. } => {
                unreachable!("changes of fields may take longer than a tick")
            }
        }
    }

    fn in_transaction(
        &self,
        draft: &mut Draft,
        change: impl FnOnce(&mut TransactionHandle) -> Result<Answer, TransactionError>,
    ) -> Result<Answer, TransactionError> {
        let store = self.database.store();
        let isolation = Isolation::ReadCommitted;
        let mut tx =
            TransactionHandle::begin_on(store, draft.snapshot(), isolation, self.moment, None);
        let answer = change(&mut tx)?;
        commit_into(draft, &mut tx)?;
        Ok(answer)
    }

    /// Tells everybody; those who changed the schema once that is on disk.
    fn reply(&self, snapshot: &Snapshot, pending: Vec<Pending>) {
        let (tick, version) = (self.moment.tick, snapshot.version());
        let (durable, at_once): (Vec<_>, Vec<_>) = pending
            .into_iter()
            .partition(|pending| pending.schema_change.is_some() && pending.result.is_ok());
        for Pending { reply, result, .. } in at_once {
            let answer = Reply {
                result,
                tick,
                version,
                durability: Persisted::Memory,
            };
            answer.send(reply);
        }
        let widest = durable
            .iter()
            .filter_map(|pending| pending.schema_change)
            .max();
        if let Some(change) = widest {
            let waiting = durable
                .into_iter()
                .map(|pending| (pending.reply, pending.result));
            let waiting: Vec<_> = waiting.collect();
            self.database
                .persistence()
                .write_schema(snapshot, change, move |written| {
                    for (reply, result) in waiting {
                        let (result, durability) = match &written {
                            Ok(durability) => (result, *durability),
                            Err(reason) => {
                                let reason = reason.clone();
                                (Err(Error::SchemaNotWritten { reason }), Persisted::Memory)
                            }
                        };
                        let answer = Reply {
                            result,
                            tick,
                            version,
                            durability,
                        };
                        answer.send(reply);
                    }
                });
        }
    }
}

fn schema_change_of(request: &Request) -> Option<SchemaChange> {
    match request {
        Request::CreateTable(_)
        | Request::DropTable { .. }
        | Request::LimitTable { .. }
        | Request::DropRelation { .. } => Some(SchemaChange::Tables),
        request if request.is_schema_change() => Some(SchemaChange::Records),
        _ => None,
    }
}
