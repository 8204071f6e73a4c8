//! Several detectors whose scores become one: the sum over the members of -ln(1 - rank), the rank being that of the member's score
//! in its own frozen distribution.
//!
//! So members with different scales weigh the same, an ordinary row has nearly 0, and a row that one member finds extremely rare
//! keeps all of that.

use crate::Level;
use crate::detector::{Rows, Score, State, score_columns};
use crate::numbers::BLOCK;
use crate::scale;
use crate::tail::{Tail, TailLookup};

/// The distribution of the scores that `state` gives these columns.
pub(crate) fn tail(state: &dyn State, level: Level, columns: &[&[f64]]) -> Tail {
    let mut scores = score_columns(&*state.scorer(level), columns);
    scores.sort_unstable_by(f64::total_cmp);
    Tail::new(&scores)
}

/// Members, ready to score.
#[derive(Debug)]
pub(crate) struct Members<'s> {
    members: Vec<(Box<dyn Score + 's>, TailLookup<'s>)>,
    level: Level,
}

impl<'s> Members<'s> {
    /// Of states, each with the distribution of its scores.
    pub(crate) fn new(level: Level, states: &[&'s dyn State], tails: &'s [Tail]) -> Self {
        let member = |(state, tail): (&&'s dyn State, &'s Tail)| (state.scorer(level), TailLookup::new(tail));
        Self { members: states.iter().zip(tails).map(member).collect(), level }
    }
}

impl Score for Members<'_> {
    fn block(&self, columns: &[&[f64]], scores: &mut [f64]) {
        let (mut own, mut rarities) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (own, rarities) = (&mut own[..scores.len()], &mut rarities[..scores.len()]);
        for (member, tail) in &self.members {
            own.fill(0.0);
            member.block(columns, own);
            tail.each(self.level, own, rarities);
            scores.iter_mut().zip(&*rarities).for_each(|(score, rarity)| *score += rarity);
        }
    }

    /// They add up to the score, unless to every member the row is as ordinary as can be: then all are 0.
    fn contributions(&self, rows: Rows<'_>, parts: &mut [f64]) {
        // The rarity of members to which every cell is the most ordinary: that rarity is not 0, for many rows share it.
        let mut unshared = vec![0.0; rows.len()];
        let (mut scores, mut own) = (unshared.clone(), vec![0.0; parts.len()]);
        for (member, tail) in &self.members {
            scores.fill(0.0);
            own.fill(0.0);
            member.explain(rows, &mut scores, &mut own);
            for (own, cell) in own.iter_mut().zip(rows.cells) {
                // What a cell takes away from the score is no reason for it, and neither is one that is not there.
                *own = if *own > 0.0 && !cell.is_nan() { *own } else { 0.0 };
            }
            let each = rows.of(&own).each_with(parts).zip(&scores).zip(&mut unshared);
            each.for_each(|(((own, parts), score), unshared)| share_out(tail.rarity(*score), own, parts, unshared));
        }
        for (parts, unshared) in parts.chunks_exact_mut(rows.columns).zip(unshared) {
            let shared: f64 = parts.iter().sum();
            if shared > 0.0 {
                for part in parts {
                    *part += unshared * (*part / shared);
                }
            }
        }
    }
}

/// Adds to the parts of a row's cells a member's rarity, in proportion to what each cell added to its score; or all of it to `unshared`.
fn share_out(rarity: f64, own: &[f64], parts: &mut [f64], unshared: &mut f64) {
    // Where cells are as far out as can be, their sum is beyond all doubles, but a part of each is not.
    let unit = if own.iter().sum::<f64>().is_finite() { 1.0 } else { scale::power(-64) };
    let total: f64 = own.iter().map(|own| own * unit).sum();
    if total > 0.0 {
        parts.iter_mut().zip(own).for_each(|(part, own)| *part += rarity * (own * unit / total));
    } else {
        *unshared += rarity;
    }
}
