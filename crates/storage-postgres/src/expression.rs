//! Expressions of SQL that diesel has no words for.

use diesel::{
    AppearsOnTable, Expression, QueryResult, SelectableExpression,
    expression::ValidGrouping,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{BigInt, Bool, Float, Nullable, Text, Timestamptz},
};

use crate::schema::{
    outbox, products,
    sql_types::{TsQuery, TsVector},
};

diesel::infix_operator!(Matches, " @@ ", Bool, backend: Pg);

#[diesel::declare_sql_function]
extern "SQL" {
    /// The later of two times.
    fn greatest(one: Timestamptz, other: Timestamptz) -> Timestamptz;

    /// Folds case by the collation of its argument.
    fn lower(text: Text) -> Text;

    /// Takes a lock that stands for an idea, until the transaction ends; false where another has it.
    fn pg_try_advisory_xact_lock(key: BigInt) -> Bool;

    /// Sets a parameter of the server, for the transaction where `is_local`.
    fn set_config(name: Text, value: Text, is_local: Bool) -> Text;

    /// How well a document matches.
    fn ts_rank(document: TsVector, query: TsQuery) -> Float;
}

/// An update that the connection prepares once. diesel would prepare it anew each time, since an update's text may
/// depend on its values; the ones here have few texts, and the text is the key under which it is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prepared<T>(pub(crate) T);

impl<T: QueryFragment<Pg>> QueryFragment<Pg> for Prepared<T> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _backend: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<T> QueryId for Prepared<T> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<T: Query> Query for Prepared<T> {
    type SqlType = T::SqlType;
}

/// The time before which answers are too old to be repeated: 24 hours before the transaction began.
#[derive(Clone, Copy, Debug, QueryId, ValidGrouping)]
pub(crate) struct DayAgo;

impl Expression for DayAgo {
    type SqlType = Timestamptz;
}

impl QueryFragment<Pg> for DayAgo {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("now() - interval '24 hours'");
        Ok(())
    }
}

impl<QS> AppearsOnTable<QS> for DayAgo {}
impl<QS> SelectableExpression<QS> for DayAgo {}

/// A condition over the columns of the outbox that is written out, so that the planner sees that a partial index serves
/// it whatever the parameters are.
macro_rules! outbox_condition {
    ($(#[$doc:meta])* $name:ident = $sql:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, QueryId, ValidGrouping)]
        pub(crate) struct $name;

        impl Expression for $name {
            type SqlType = Bool;
        }

        impl QueryFragment<Pg> for $name {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                out.push_sql($sql);
                Ok(())
            }
        }

        impl AppearsOnTable<outbox::table> for $name {}
        impl SelectableExpression<outbox::table> for $name {}
    };
}

outbox_condition! {
    /// The row is a message to the broker; `outbox_messages_idx` holds those.
    IsMessage = "outbox.work IN ('jobs', 'results')"
}

outbox_condition! {
    /// The row is a message that may wait for all others; `outbox_backfill_idx` holds those.
    IsBackfill = "outbox.work = 'backfill'"
}

outbox_condition! {
    /// The row is a product to take out of the cache; `outbox_invalidations_idx` holds those.
    IsInvalidation = "outbox.work = 'cache'"
}

/// Words that a person typed, as a query over [`products::search`].
#[derive(Clone, Debug, QueryId, ValidGrouping)]
pub(crate) struct Words(String);

impl Words {
    /// The index holds folded words, so these are folded as well.
    pub(crate) fn new(words: &str) -> Self {
        Self(words.to_lowercase())
    }
}

impl Expression for Words {
    type SqlType = TsQuery;
}

impl QueryFragment<Pg> for Words {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("websearch_to_tsquery('simple', ");
        out.push_bind_param::<Text, _>(&self.0)?;
        out.push_sql(")");
        Ok(())
    }
}

impl<QS> AppearsOnTable<QS> for Words {}
impl<QS> SelectableExpression<QS> for Words {}

/// How well a product matches the words; null where there are none.
#[derive(Clone, Debug)]
pub(crate) struct Rank(Option<ts_rank<products::search, Words>>);

impl Rank {
    pub(crate) fn new(words: Option<&str>) -> Self {
        Self(words.map(|words| ts_rank(products::search, Words::new(words))))
    }
}

impl Expression for Rank {
    type SqlType = Nullable<Float>;
}

impl QueryId for Rank {
    type QueryId = ();
    // Its text depends on whether there are words.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<GroupBy> ValidGrouping<GroupBy> for Rank {
    type IsAggregate = diesel::expression::is_aggregate::No;
}

impl QueryFragment<Pg> for Rank {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match &self.0 {
            Some(rank) => rank.walk_ast(out),
            None => {
                out.push_sql("NULL::real");
                Ok(())
            }
        }
    }
}

impl AppearsOnTable<products::table> for Rank {}
impl SelectableExpression<products::table> for Rank {}
