//! The znodes that a load needs: made before, removed after.

use menagerie_jute::{AclList, CreateRequest, DeleteRequest};
use menagerie_types::{CreateMode, OpCode};

use super::lanes::Made;
use super::plan::Plan;
use super::requests::Requests;
use crate::error::Result;
use crate::mix::Kind;
use crate::progress::Progress;
use crate::target::{describe, ensure, remove};
use crate::wire::{Bulk, Fault, Fleet, Template, path, run_bulk};

const DEPTH: usize = 64;
/// Children's names say nothing and are short: a million of them are one reply.
const CHILD: char = 'n';

/// Creates them, over all connections of `fleet`.
pub fn create(fleet: &mut Fleet, plan: &Plan, progress: &mut Progress) -> Result<()> {
    let prefix = &plan.target.prefix;
    ensure(fleet, 0, prefix)?;
    if plan.uses_keys() {
        let template = creation(&plan.key(0), &plan.payload);
        each(fleet, &template, u64::from(plan.args.nodes), "creating znodes", progress)?;
    }
    if plan.args.mix.has(Kind::Children) {
        ensure(fleet, 0, &plan.parent())?;
        let template = creation(&path(&plan.parent(), CHILD, 0), b"");
        each(fleet, &template, u64::from(plan.args.children), "creating children", progress)?;
    }
    Ok(())
}

/// Removes them, and the persistent znodes that the load has created.
pub fn clean(fleet: &mut Fleet, plan: &Plan, made: &[Made], progress: &mut Progress) -> Result<()> {
    let requests = Requests::new(plan);
    let numbers = made.iter().map(|made| made.number);
    let bulk = Bulk::new(&requests.delete[0], numbers, fleet.len(), DEPTH, accept);
    run_bulk(fleet, bulk, "removing created znodes", |_| {})?;
    if plan.uses_keys() {
        let template = deletion(&plan.key(0));
        each(fleet, &template, u64::from(plan.args.nodes), "removing znodes", progress)?;
    }
    if plan.args.mix.has(Kind::Children) {
        let template = deletion(&path(&plan.parent(), CHILD, 0));
        each(fleet, &template, u64::from(plan.args.children), "removing children", progress)?;
        remove(fleet, 0, &plan.parent())?;
    }
    remove(fleet, 0, &plan.target.prefix)
}

fn each(
    fleet: &mut Fleet,
    template: &Template,
    count: u64,
    doing: &str,
    progress: &mut Progress,
) -> Result<()> {
    let bulk = Bulk::new(template, 0..count, fleet.len(), DEPTH, accept);
    run_bulk(fleet, bulk, doing, |done| {
        if progress.is_due() {
            progress.show(&format!("{doing}: {done} of {count}"));
        }
    })
}

/// The creation of persistent znodes whose numbered paths are as long as `path`.
pub fn creation(path: &str, data: &[u8]) -> Template {
    Template::new(OpCode::Create, Some(path.len()), Some(data.len()), |out| {
        let (data, acl) = (Some(data), Some(AclList::open()));
        CreateRequest { path, data, acl, flags: CreateMode::Persistent as i32 }.encode(out);
    })
}

/// Their deletion.
pub fn deletion(path: &str) -> Template {
    Template::new(OpCode::Delete, Some(path.len()), None, |out| {
        DeleteRequest { path, version: -1 }.encode(out);
    })
}

/// Nothing but success will do.
pub fn accept(number: u64, err: i32, _body: &[u8]) -> std::result::Result<(), Fault> {
    if err == 0 { Ok(()) } else { Err(format!("znode {number}: {}", describe(err))) }
}
