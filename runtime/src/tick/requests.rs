//! The requests phase: all requests of a tick are one batch and one version, each with its own
//! outcome.

use std::time::Duration;

use super::{
    procedures::Call,
    queue::{Queue, QueueError},
    request::{Answer, RecordInput, Reply, ReplyTo, Request},
    timeline::PhaseUse,
};
use crate::{
    Error,
    database::{Database, Persisted, SchemaChange, flatten},
    metrics::Metrics,
    procedure::{CallError, Params},
    storage::{Draft, Snapshot},
    transaction::{
        Isolation, Moment, TransactionError, TransactionHandle, commit_into, schema_change,
    },
};

/// What the phase has to work with.
pub(super) struct RequestsPhase<'r> {
    pub(super) database: &'r Database,
    pub(super) queue: &'r Queue,
    pub(super) metrics: &'r Metrics,
    pub(super) moment: Moment,
    /// When the phase must stop taking requests.
    pub(super) until: Duration,
}

/// A reply that waits for the publish of the batch.
struct Pending {
    reply: ReplyTo,
    result: Result<Answer, Error>,
    schema_change: Option<SchemaChange>,
}

impl RequestsPhase<'_> {
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
        let mut pending = Vec::new();
        let mut batch = None;
        while done < most {
            let now = clock.now();
            if now >= self.until && done > 0 {
                break;
            }
            let Some(waiting) = self.queue.pop() else {
                break;
            };
            done += 1;
            let kind = waiting.request.kind();
            let waited = now.saturating_sub(waiting.since);
            if waited > deadline {
                Metrics::add(&self.metrics.expired_requests, 1);
                let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
                let result = Err(QueueError::Expired { waited_ms }.into());
                self.metrics.count_request(kind, false);
                pending.push(Pending {
                    reply: waiting.reply,
                    result,
                    schema_change: None,
                });
                continue;
            }
            if let Request::Call {
                procedure,
                arguments,
            } = waiting.request
            {
                match self.check_call(&procedure, &arguments) {
                    Ok(params) => {
                        let (since, reply) = (waiting.since, waiting.reply);
                        calls.extend([Call::new(procedure, params, since, reply)]);
                    }
                    Err(error) => {
                        self.metrics.count_request(kind, false);
                        let result = Err(error.into());
                        pending.push(Pending {
                            reply: waiting.reply,
                            result,
                            schema_change: None,
                        });
                    }
                }
                continue;
            }
            let (gate, draft) = batch.get_or_insert_with(|| {
                let gate = self.database.store().exclusive_gate();
                (gate, Draft::new(self.database.snapshot()))
            });
            let _held: &std::sync::RwLockWriteGuard<'_, ()> = gate;
            let schema_change = schema_change_of(&waiting.request);
            let result = self.carry_out(draft, waiting.request).map_err(flatten);
            self.metrics.count_request(kind, result.is_ok());
            pending.push(Pending {
                reply: waiting.reply,
                result,
                schema_change,
            });
        }
        let applied = match batch {
            Some((_gate, draft)) if !draft.is_empty() => self.database.store().publish(draft),
            _ => self.database.snapshot(),
        };
        self.reply(&applied, pending);
        PhaseUse {
            done,
            left: self.queue.len(),
            ..PhaseUse::default()
        }
    }

    fn check_call(
        &self,
        procedure: &str,
        arguments: &crate::schema::Value,
    ) -> Result<Params, CallError> {
        let procedures = self.database.procedures();
        let Some(signature) = procedures.signature(procedure) else {
            let hint = procedures.hint(procedure);
            return Err(CallError::NotFound {
                procedure: procedure.to_owned(),
                hint,
            });
        };
        Params::from_object(signature, arguments).map_err(|faults| CallError::InvalidArguments {
            procedure: procedure.to_owned(),
            faults,
        })
    }

    fn carry_out(&self, draft: &mut Draft, request: Request) -> Result<Answer, TransactionError> {
        let account = self.database.store().account();
        match request {
            Request::CreateTable(definition) => {
                schema_change::create_table(draft, account, &definition).map(Answer::Table)
            }
            Request::DropTable { table } => {
                schema_change::drop_table(draft, &table).map(|()| Answer::Done)
            }
            Request::AddFields { table, fields } => {
                schema_change::add_fields(draft, account, &table, &fields).map(Answer::Table)
            }
            Request::RemoveField { table, field } => {
                schema_change::remove_field(draft, account, &table, &field).map(Answer::Table)
            }
            Request::CreateRelation(definition) => {
                schema_change::create_relation(draft, &definition).map(Answer::Relation)
            }
            Request::DropRelation { relation } => {
                schema_change::drop_relation(draft, &relation).map(|()| Answer::Done)
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
            Request::Call { .. } => unreachable!("calls go to the procedures phase"),
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
        Request::CreateTable(_) | Request::DropTable { .. } | Request::DropRelation { .. } => {
            Some(SchemaChange::Tables)
        }
        request if request.is_schema_change() => Some(SchemaChange::Records),
        _ => None,
    }
}
