//! A question about products, and which products it is asked of.

use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
};

/// A question of which the connection remembers that it is prepared only where it is `kept`.
///
/// There are as many texts as combinations of filters: each that is remembered takes memory of the server, and after a
/// few uses it may be planned for any account and any words instead of those at hand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<Q> {
    pub(super) kept: bool,
    pub(super) question: Q,
}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Question<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.question.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _backend: &Pg) -> QueryResult<bool> {
        Ok(self.kept)
    }
}

impl<Q> QueryId for Question<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: Query> Query for Question<Q> {
    type SqlType = Q::SqlType;
}

/// A question that is asked of `products` only, which is a question of its own and has a limit or an offset: so the
/// server answers it as it stands, and does not weigh it against the order and the limit of the question.
#[derive(Clone, Copy, Debug)]
pub(super) struct Among<P, Q> {
    pub(super) products: P,
    pub(super) question: Q,
}

impl<P: QueryFragment<Pg>, Q: QueryFragment<Pg>> QueryFragment<Pg> for Among<P, Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        // Within the parentheses the name means the table, after them what was found there.
        out.push_sql("WITH products AS (");
        self.products.walk_ast(out.reborrow())?;
        out.push_sql(") ");
        self.question.walk_ast(out)
    }
}

impl<P, Q> QueryId for Among<P, Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<P, Q: Query> Query for Among<P, Q> {
    type SqlType = Q::SqlType;
}
