//! Temporary stand-in while the kernels are written.
#![allow(missing_docs, clippy::all, clippy::pedantic, reason = "replaced by the kernels branch")]
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing { Center, Skip, Error }
#[derive(Clone, Copy)]
pub struct Level;
impl Level { pub fn detect() -> Self { Level } }
#[derive(Clone, Copy)]
pub struct Column<'a> { v: &'a [f64], m: Option<&'a [u64]> }
#[derive(Debug)] pub struct ColumnError(String);
impl std::fmt::Display for ColumnError { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(&self.0) } }
impl<'a> Column<'a> {
    pub fn new(v: &'a [f64], m: Option<&'a [u64]>) -> Result<Self, ColumnError> { Ok(Self { v, m }) }
    fn get(&self, i: usize) -> f64 { if self.m.is_none_or(|m| m[i / 64] >> (i % 64) & 1 == 1) { self.v[i] } else { f64::NAN } }
    pub fn first_missing(&self) -> Option<usize> { (0..self.v.len()).find(|i| self.get(*i).is_nan()) }
}
pub struct Batch<'a> { c: &'a [Column<'a>], file: u32, first: u64 }
impl<'a> Batch<'a> {
    pub fn new(c: &'a [Column<'a>], file: u32, first: u64) -> Result<Self, ColumnError> { Ok(Self { c, file, first }) }
    pub fn rows(&self) -> usize { self.c.first().map_or(0, |c| c.v.len()) }
    pub fn first_row(&self) -> u64 { self.first }
    pub fn file(&self) -> u32 { self.file }
}
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FitSpec { pub detector: String, pub parameters: BTreeMap<String, serde_json::Value>, pub columns: Vec<String>, pub seed: u64, pub rows: u64, pub contamination: f64, pub missing: Missing }
#[derive(Debug)] pub struct FitError(String);
impl FitError { pub fn code(&self) -> &'static str { "DATA" } }
impl std::fmt::Display for FitError { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(&self.0) } }
pub type ModelError = FitError2; #[derive(Debug)] pub struct FitError2(String);
impl FitError2 { pub fn code(&self) -> &'static str { "DATA" } }
impl std::fmt::Display for FitError2 { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(&self.0) } }
#[derive(Serialize, Deserialize)]
pub struct Fit { spec: FitSpec }
impl Fit {
    pub fn new(spec: FitSpec) -> Result<Fit, FitError> { Ok(Fit { spec }) }
    pub fn spec(&self) -> &FitSpec { &self.spec }
    pub fn pass(&self) -> u32 { 1 }
    pub fn passes(&self) -> u32 { 1 }
    pub fn observer(&self, _: Level) -> Observer { Observer { m: vec![(0., 0., 0.); self.spec.columns.len()] } }
    pub fn to_bytes(&self) -> Vec<u8> { serde_json::to_vec(self).unwrap() }
    pub fn from_bytes(b: &[u8]) -> Result<Fit, FitError> { serde_json::from_slice(b).map_err(|e| FitError(e.to_string())) }
    pub fn advance(self, s: Vec<Vec<u8>>) -> Result<Next, FitError> {
        let mut m = vec![(0., 0., 0.); self.spec.columns.len()];
        for s in s { let o: Vec<(f64, f64, f64)> = serde_json::from_slice(&s).unwrap(); for (a, b) in m.iter_mut().zip(o) { a.0 += b.0; a.1 += b.1; a.2 += b.2; } }
        let mut columns = vec![]; let mut z = vec![];
        for (c, m) in self.spec.columns.iter().zip(m) { let mean = m.1 / m.0; let var = m.2 / m.0 - mean * mean; if var > 0. { columns.push(c.clone()); z.push((mean, var.sqrt())) } }
        if z.is_empty() { return Err(FitError("every column is constant".into())) }
        Ok(Next::Model(Model { spec: self.spec, columns, z }))
    }
}
pub enum Next { Pass(Fit), Model(Model) }
pub struct Observer { m: Vec<(f64, f64, f64)> }
impl Observer {
    pub fn observe(&mut self, b: &Batch<'_>) { for (m, c) in self.m.iter_mut().zip(b.c) { for i in 0..c.v.len() { let x = c.get(i); if x.is_finite() { m.0 += 1.; m.1 += x; m.2 += x * x; } } } }
    pub fn end_row_group(&mut self) {}
    pub fn finish(self) -> Vec<u8> { serde_json::to_vec(&self.m).unwrap() }
}
#[derive(Serialize, Deserialize, Debug)]
pub struct Model { spec: FitSpec, columns: Vec<String>, z: Vec<(f64, f64)> }
pub struct Threshold { pub value: f64, pub share_error: f64 }
impl Model {
    pub fn to_bytes(&self) -> Vec<u8> { [b"batch-core-model 1 ", &serde_json::to_vec(self).unwrap()[..]].concat() }
    pub fn from_bytes(b: &[u8]) -> Result<Model, ModelError> { serde_json::from_slice(b.get(19..).unwrap_or(b"")).map_err(|e| FitError2(e.to_string())) }
    pub fn digest(&self) -> String { "sha256:0".into() }
    pub fn detector(&self) -> &str { &self.spec.detector }
    pub fn columns(&self) -> &[String] { &self.columns }
    pub fn constants(&self) -> &[String] { &[] }
    pub fn fit_rows(&self) -> u64 { self.spec.rows }
    pub fn seed(&self) -> u64 { 0 }
    pub fn parameters(&self) -> &BTreeMap<String, serde_json::Value> { &self.spec.parameters }
    pub fn contamination(&self) -> f64 { self.spec.contamination }
    pub fn threshold(&self, _: f64) -> Threshold { Threshold { value: 4., share_error: 0.001 } }
    pub fn scorer(&self, _: Level, _: Missing) -> Scorer<'_> { Scorer { m: self } }
    pub fn describe(&self) -> serde_json::Value { serde_json::json!({}) }
}
pub struct Scorer<'m> { m: &'m Model }
#[derive(Clone, Debug)] pub struct Reason { pub column: u32, pub value: f64, pub contribution: f64 }
impl Scorer<'_> {
    pub fn score(&mut self, b: &Batch<'_>, s: &mut [f64]) { s.fill(0.); for (c, z) in b.c.iter().zip(&self.m.z) { for i in 0..s.len() { let x = (c.v[i] - z.0) / z.1; s[i] = s[i].max(x.abs()); } } }
    pub fn reasons(&self, b: &Batch<'_>, row: usize, n: usize) -> Vec<Reason> {
        let mut r: Vec<_> = b.c.iter().zip(&self.m.z).enumerate().map(|(j, (c, z))| Reason { column: j as u32, value: c.get(row), contribution: ((c.get(row) - z.0) / z.1).abs() }).collect();
        r.sort_by(|a, b| b.contribution.total_cmp(&a.contribution)); r.truncate(n); r
    }
}
pub struct TopRow { pub score: f64, pub file: u32, pub row: u64 }
pub struct TopRows { n: usize, r: Vec<(f64, u32, u64)> }
impl TopRows {
    pub fn new(n: usize) -> Self { Self { n, r: vec![] } }
    pub fn push(&mut self, s: f64, f: u32, r: u64) { self.r.push((s, f, r)); if self.r.len() > 2 * self.n { self.cut() } }
    fn cut(&mut self) { self.r.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2)))); self.r.truncate(self.n) }
    pub fn merge(&mut self, o: TopRows) { self.r.extend(o.r); self.cut() }
    pub fn into_sorted(mut self) -> Vec<TopRow> { self.cut(); self.r.into_iter().map(|(score, file, row)| TopRow { score, file, row }).collect() }
    pub fn to_bytes(&self) -> Vec<u8> { serde_json::to_vec(&self.r).unwrap() }
    pub fn from_bytes(b: &[u8]) -> Result<Self, String> { Ok(Self { n: usize::MAX / 4, r: serde_json::from_slice(b).map_err(|e| e.to_string())? }) }
}
pub fn detectors() -> serde_json::Value { serde_json::json!([{"name":"zscore","summary":"x","passes":1,"parameters":[]},{"name":"auto","summary":"x","passes":1,"parameters":[]},{"name":"hbos","summary":"x","passes":1,"parameters":[]}]) }
