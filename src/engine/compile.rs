//! From a sound ruleset to lexicon and plan.

use super::TooLarge;
use super::glob::Glob;
use super::lexicon::{Builder, Lexicon};
use super::plan::{
    Close, Distinct, LARGEST, Meta, NEEDS, Need, Node, NodeId, Plan, Precondition, RulePlan, TopicPlan, Use,
    Uses, parts,
};
use super::score;
use crate::rules::{Part, Query, Reach, Rule, Ruleset};
use crate::text::Language;
use foldhash::{HashMap, HashMapExt, HashSet};

/// Lists that name lists are laid out flat; so many entries are the most that may come of it.
const MAX_LIST_ENTRIES: usize = 1 << 24;

/// The places of a term are hits of no more rules than this at once, so that hits have a bound; where a term has more,
/// its rules look for its places one by one, as queries do.
const MOST_RULES: u32 = 4;

/// Compiles a ruleset.
pub(super) fn compile(ruleset: &Ruleset) -> Result<(Lexicon, Plan), TooLarge> {
    let mut compiler = Compiler::new(ruleset);
    let exclude = compiler.gate(ruleset.exclude.as_ref())?;
    let mut topics = Vec::new();
    let mut rules = Vec::new();
    for (number, topic) in (0..).zip(&ruleset.topics) {
        let require = compiler.gate(topic.require.as_ref())?;
        let exclude = compiler.gate(topic.exclude.as_ref())?;
        let masks = compiler.masks(&topic.mask)?;
        let threshold = topic.threshold.get();
        topics.push(TopicPlan { threshold, least: score::least(threshold), require, exclude, masks });
        let ranks = ranks(&topic.rules);
        for ((index, rule), rank) in (0..).zip(&topic.rules).zip(ranks) {
            if rule.weight.get() == 0.0 {
                continue;
            }
            let scope = Scope { language: rule.language.unwrap_or(Language::ENGLISH), part: None };
            let query = compiler.node(&rule.query, scope)?;
            // Days of years of four digits.
            let precondition = Precondition {
                language: rule.language,
                since: rule.since.map(|day| day as i32),
                until: rule.until.map(|day| day as i32),
                needs: [None; NEEDS],
                close: None,
            };
            let plan = RulePlan {
                topic: number,
                index,
                weight: rule.weight.get(),
                rank,
                query: Some(query),
                precondition: None,
            };
            rules.push((plan, precondition));
        }
    }
    let order = evaluation_order(ruleset);
    let id = |rule: &RulePlan| &ruleset.topics[rule.topic as usize].rules[rule.index as usize].id;
    rules.sort_unstable_by(|(a, _), (b, _)| {
        order[a.topic as usize].cmp(&order[b.topic as usize]).then_with(|| id(a).cmp(id(b)))
    });
    compiler.finish(exclude, topics, rules)
}

/// What a query inherits from where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Scope {
    /// The language of stems.
    language: Language,
    /// The field prefix around it.
    part: Option<Part>,
}

impl Default for Scope {
    fn default() -> Scope {
        Scope { language: Language::ENGLISH, part: None }
    }
}

struct Compiler<'r> {
    ruleset: &'r Ruleset,
    topic_numbers: HashMap<&'r str, u32>,
    lexicon: Builder<'r>,
    nodes: Vec<Node>,
    numbers: HashMap<Node, NodeId>,
    lists: HashMap<(&'r str, Scope), NodeId>,
    list_entries: usize,
    metas: Vec<Meta>,
    meta_numbers: HashMap<(&'r str, &'r str), u32>,
    mask_sets: HashMap<Vec<u32>, u32>,
}

impl<'r> Compiler<'r> {
    fn new(ruleset: &'r Ruleset) -> Compiler<'r> {
        let ids = ruleset.topics.iter().map(|topic| topic.id.as_str());
        Compiler {
            ruleset,
            topic_numbers: ids.zip(0..).collect(),
            lexicon: Builder::default(),
            nodes: Vec::new(),
            numbers: HashMap::new(),
            lists: HashMap::new(),
            list_entries: 0,
            metas: Vec::new(),
            meta_numbers: HashMap::new(),
            mask_sets: HashMap::new(),
        }
    }

    fn intern(&mut self, node: Node) -> NodeId {
        let next = self.nodes.len() as NodeId;
        let number = *self.numbers.entry(node).or_insert(next);
        if number == next {
            // The map holds the node until `finish`, which moves it here.
            self.nodes.push(Node::Topic(u32::MAX));
        }
        number
    }

    fn terms(&mut self, mut terms: Vec<u32>, part: Option<Part>) -> NodeId {
        terms.sort_unstable();
        terms.dedup();
        self.intern(Node::Terms { terms: terms.into(), part })
    }

    fn gate(&mut self, query: Option<&'r Query>) -> Result<Option<NodeId>, TooLarge> {
        query.map(|query| self.node(query, Scope::default())).transpose()
    }

    /// The node of a query. Recursion is as deep as queries nest, which the parser bounds.
    fn node(&mut self, query: &'r Query, scope: Scope) -> Result<NodeId, TooLarge> {
        let Scope { language, part } = scope;
        let node = match query {
            Query::Term(term) => {
                let term = self.lexicon.term(term, language);
                Node::Terms { terms: [term].into(), part }
            }
            Query::List(name) => return self.list(name, scope),
            Query::Topic(id) => {
                let number = self.topic_numbers.get(id.as_str()).copied();
                Node::Topic(number.unwrap_or(u32::MAX))
            }
            Query::Meta { key, value } => {
                let next = self.metas.len() as u32;
                let number = *self.meta_numbers.entry((key, value)).or_insert(next);
                if number == next {
                    self.metas.push(Meta { key: key.clone(), value: Glob::new(value) });
                }
                Node::Meta(number)
            }
            Query::Or(alternatives) => {
                let nodes = self.alternatives(alternatives, scope)?;
                match nodes.as_slice() {
                    [one] => return Ok(*one),
                    _ => Node::Or(nodes.into()),
                }
            }
            Query::And(sides) => {
                let mut nodes = Vec::with_capacity(sides.len());
                for side in sides {
                    nodes.push(self.node(side, scope)?);
                }
                nodes.sort_unstable();
                Node::And(nodes.into())
            }
            Query::Not(left, right) => Node::Not(self.node(left, scope)?, self.node(right, scope)?),
            Query::Absent(query) => Node::Absent(self.node(query, scope)?),
            Query::Near { left, right, within, ordered } => {
                let (left, right) = (self.node(left, scope)?, self.node(right, scope)?);
                Node::Near { left, right, within: *within, ordered: *ordered }
            }
            Query::NotNear { left, right, within } => {
                let (left, right) = (self.node(left, scope)?, self.node(right, scope)?);
                Node::NotNear { left, right, within: *within }
            }
            Query::AtLeast(n, query) => Node::AtLeast(*n, self.node(query, scope)?),
            Query::Distinct(n, query) => {
                let mut flat = Vec::new();
                flatten(query, &mut flat);
                let (terms, others): (Vec<&Query>, Vec<&Query>) =
                    flat.into_iter().partition(|query| matches!(query, Query::Term(_) | Query::List(_)));
                let terms = self.alternatives(terms, scope)?.into();
                let others = self.alternatives(others, scope)?.into();
                Node::Distinct(Box::new(Distinct { least: *n, terms, others }))
            }
            Query::In(inner, query) => {
                let part = match (part, *inner) {
                    (None, inner) => Some(inner),
                    (Some(Part::Lead), Part::Text) | (Some(Part::Text), Part::Lead) => Some(Part::Lead),
                    (Some(outer), inner) if outer == inner => Some(outer),
                    // The parser lets no query through that can never match.
                    (Some(_), _) => return Ok(self.terms(Vec::new(), part)),
                };
                return self.node(query, Scope { part, ..scope });
            }
        };
        Ok(self.intern(node))
    }

    /// The nodes of alternatives, sorted, each once; all terms that stand among them are one node.
    fn alternatives(
        &mut self,
        queries: impl IntoIterator<Item = &'r Query>,
        scope: Scope,
    ) -> Result<Vec<NodeId>, TooLarge> {
        let mut terms = Vec::new();
        let mut nodes = Vec::new();
        for query in queries {
            match query {
                Query::Term(term) => terms.push(self.lexicon.term(term, scope.language)),
                other => nodes.push(self.node(other, scope)?),
            }
        }
        if !terms.is_empty() {
            nodes.push(self.terms(terms, scope.part));
        }
        nodes.sort_unstable();
        nodes.dedup();
        Ok(nodes)
    }

    /// The node of a list: all its terms, and those of the lists that it names.
    fn list(&mut self, name: &'r str, scope: Scope) -> Result<NodeId, TooLarge> {
        if let Some(&node) = self.lists.get(&(name, scope)) {
            return Ok(node);
        }
        let terms = self.list_terms([name], scope.language)?;
        let node = self.terms(terms, scope.part);
        self.lists.insert((name, scope), node);
        Ok(node)
    }

    fn list_terms(
        &mut self,
        names: impl IntoIterator<Item = &'r str>,
        language: Language,
    ) -> Result<Vec<u32>, TooLarge> {
        let mut names: Vec<&'r str> = names.into_iter().collect();
        let mut seen: HashSet<&'r str> = names.iter().copied().collect();
        let mut terms = Vec::new();
        while let Some(name) = names.pop() {
            for entry in self.ruleset.lists.get(name).into_iter().flatten() {
                self.list_entries += 1;
                match entry {
                    Query::Term(term) => terms.push(self.lexicon.term(term, language)),
                    Query::List(inner) if seen.insert(inner) => names.push(inner),
                    _ => {}
                }
            }
        }
        if self.list_entries > MAX_LIST_ENTRIES { Err(TooLarge { what: "list entries" }) } else { Ok(terms) }
    }

    /// The number of the set of a topic's masks and the ruleset's.
    fn masks(&mut self, masks: &'r [Query]) -> Result<Option<u32>, TooLarge> {
        let mut terms = Vec::new();
        for mask in self.ruleset.mask.iter().chain(masks) {
            match mask {
                Query::Term(term) => terms.push(self.lexicon.term(term, Language::ENGLISH)),
                Query::List(name) => terms.extend(self.list_terms([name.as_str()], Language::ENGLISH)?),
                _ => {}
            }
        }
        if terms.is_empty() {
            return Ok(None);
        }
        terms.sort_unstable();
        terms.dedup();
        let next = self.mask_sets.len() as u32;
        Ok(Some(*self.mask_sets.entry(terms).or_insert(next)))
    }

    fn finish(
        self,
        exclude: Option<NodeId>,
        topics: Vec<TopicPlan>,
        mut rules: Vec<(RulePlan, Precondition)>,
    ) -> Result<(Lexicon, Plan), TooLarge> {
        if rules.len() > LARGEST as usize {
            return Err(TooLarge { what: "rules" });
        }
        let Compiler { lexicon, mut nodes, numbers, metas, mask_sets, .. } = self;
        for (node, number) in numbers.into_iter().collect::<Vec<_>>() {
            nodes[number as usize] = node;
        }
        let mut uses: Vec<(u32, Use)> = Vec::new();
        for (terms, set) in mask_sets.into_iter().collect::<Vec<_>>() {
            uses.extend(terms.into_iter().map(|term| (term, Use::Masks(set))));
        }
        let mut anchors =
            Anchors { nodes: &nodes, lexicon: &lexicon, of_nodes: Vec::new(), needs: Vec::new() };
        anchors.fill();
        let mut anchored: Vec<(NodeId, u32)> = Vec::new();
        let mut always = Vec::new();
        let just_terms = |rule: &RulePlan| match rule.query.map(|query| &nodes[query as usize]) {
            Some(Node::Terms { terms, part: None }) => Some(terms),
            _ => None,
        };
        let mut rules_with = vec![0_u32; lexicon.len()];
        for term in rules.iter().filter_map(|(rule, _)| just_terms(rule)).flatten() {
            rules_with[*term as usize] += 1;
        }
        for (number, (rule, precondition)) in (0..).zip(&mut rules) {
            if let Some(terms) = just_terms(rule)
                && terms.iter().all(|&term| rules_with[term as usize] <= MOST_RULES)
            {
                uses.extend(terms.iter().map(|&term| (term, Use::Hit(number))));
                rule.query = None;
            } else if let Some(query) = rule.query {
                match &anchors.of_nodes[query as usize] {
                    Some(anchor) => {
                        anchored.extend(anchor.nodes.iter().map(|&node| (node, number)));
                        precondition.needs = anchors.needs_beside(query, anchor);
                        precondition.close = anchors.needs[query as usize].close;
                    }
                    None => always.push(number),
                }
            }
        }
        let (rules, preconditions) = number_preconditions(rules);
        let named = named(&nodes, &topics, &rules, exclude);
        for ((number, node), &named) in (0..).zip(&mut nodes).zip(&named) {
            if let Node::Terms { terms, part } = node {
                if named == 0 {
                    // Nobody asks for it: what its terms do says the same.
                    *node = Node::Or(Box::default());
                } else {
                    uses.extend(terms.iter().map(|&term| (term, Use::In(number, *part))));
                }
            }
        }
        let too_large = TooLarge { what: "uses of terms" };
        u32::try_from(uses.len().max(anchored.len())).map_err(|_| too_large)?;
        let packed = uses.into_iter().map(|(term, term_use)| Some((term, term_use.pack()?)));
        let uses = Uses::new(packed.collect::<Option<_>>().ok_or(too_large)?, lexicon.len());
        let (anchored_ends, anchored) = parts(anchored, nodes.len());
        nodes.shrink_to_fit();
        let plan = Plan {
            languages: preconditions.iter().any(|precondition| precondition.language.is_some()),
            nodes,
            shared: named.into_iter().map(|times| times > 1).collect(),
            metas,
            rules,
            preconditions,
            topics,
            uses,
            anchored_ends,
            anchored,
            always,
            exclude,
        };
        Ok((lexicon.build()?, plan))
    }
}

/// The preconditions of rules, each once, and the rules with the numbers of theirs.
fn number_preconditions(rules: Vec<(RulePlan, Precondition)>) -> (Vec<RulePlan>, Vec<Precondition>) {
    let (mut preconditions, mut numbers) = (Vec::new(), HashMap::new());
    let mut number = |precondition: Precondition| {
        *numbers.entry(precondition).or_insert_with(|| {
            preconditions.push(precondition);
            preconditions.len() as u32 - 1
        })
    };
    let numbered = rules.into_iter().map(|(rule, precondition)| RulePlan {
        precondition: (precondition != Precondition::default()).then(|| number(precondition)),
        ..rule
    });
    // Collecting keeps the larger allocation.
    let mut rules: Vec<RulePlan> = numbered.collect();
    rules.shrink_to_fit();
    preconditions.shrink_to_fit();
    (rules, preconditions)
}

/// The alternatives of DISTINCT: ORs inside ORs are laid out flat.
fn flatten<'r>(query: &'r Query, flat: &mut Vec<&'r Query>) {
    match query {
        Query::Or(alternatives) => alternatives.iter().for_each(|query| flatten(query, flat)),
        other => flat.push(other),
    }
}

/// For each rule, its rank among those of its topic: larger |weight| first, then query text, language and id.
fn ranks(rules: &[Rule]) -> Vec<u32> {
    let key = |rule: &Rule| rule.language.map_or(String::new(), |language| language.to_string());
    let mut order: Vec<usize> = (0..rules.len()).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&rules[a], &rules[b]);
        let weights = b.weight.get().abs().total_cmp(&a.weight.get().abs());
        weights.then_with(|| (&a.text, key(a), &a.id).cmp(&(&b.text, key(b), &b.id)))
    });
    let mut ranks = vec![0; rules.len()];
    for (rank, index) in (0..).zip(order) {
        ranks[index] = rank;
    }
    ranks
}

/// For each topic, its place in an order in which each comes after those that it names.
fn evaluation_order(ruleset: &Ruleset) -> Vec<u32> {
    let numbers: HashMap<&str, usize> =
        ruleset.topics.iter().map(|topic| topic.id.as_str()).zip(0..).collect();
    let named = |number: usize| {
        let topic = &ruleset.topics[number];
        let queries = topic.rules.iter().map(|rule| &rule.query);
        let mut topics = Vec::new();
        for query in queries.chain(&topic.require).chain(&topic.exclude) {
            collect_topics(query, &mut topics);
        }
        topics.into_iter().filter_map(|id| numbers.get(id).copied()).collect::<Vec<_>>()
    };
    let mut order = vec![u32::MAX; ruleset.topics.len()];
    let mut seen = vec![false; ruleset.topics.len()];
    let mut next = 0;
    for root in 0..ruleset.topics.len() {
        if seen[root] {
            continue;
        }
        seen[root] = true;
        let mut path = vec![(root, named(root))];
        while let Some((topic, before)) = path.last_mut() {
            match before.pop() {
                Some(inner) if !seen[inner] => {
                    seen[inner] = true;
                    path.push((inner, named(inner)));
                }
                Some(_) => {}
                None => {
                    order[*topic] = next;
                    next += 1;
                    path.pop();
                }
            }
        }
    }
    order
}

fn collect_topics<'q>(query: &'q Query, topics: &mut Vec<&'q str>) {
    match query {
        Query::Topic(id) => topics.push(id.as_str()),
        Query::Term(_) | Query::List(_) | Query::Meta { .. } => {}
        Query::Or(queries) | Query::And(queries) => {
            queries.iter().for_each(|query| collect_topics(query, topics))
        }
        Query::Absent(query) | Query::AtLeast(_, query) | Query::Distinct(_, query) | Query::In(_, query) => {
            collect_topics(query, topics);
        }
        Query::Not(left, right) | Query::Near { left, right, .. } | Query::NotNear { left, right, .. } => {
            collect_topics(left, topics);
            collect_topics(right, topics);
        }
    }
}

/// Terms without one of which a query cannot match.
#[derive(Clone)]
struct Anchor {
    /// Nodes of terms.
    nodes: Vec<NodeId>,
    /// How often one of them is found, as a guess.
    cost: u64,
}

struct Anchors<'a> {
    nodes: &'a [Node],
    lexicon: &'a Builder<'a>,
    /// None for a query that can match without any term. Nodes come after the nodes that they name.
    of_nodes: Vec<Option<Anchor>>,
    needs: Vec<Needs>,
}

/// What a node cannot match without.
#[derive(Default)]
struct Needs {
    terms: Vec<Need>,
    close: Option<Close>,
}

impl Anchors<'_> {
    fn fill(&mut self) {
        for (number, node) in (0..).zip(self.nodes) {
            let anchor = match node {
                Node::Terms { terms, .. } => {
                    let cost = terms.iter().map(|&term| self.lexicon.frequency(term)).sum();
                    Some(Anchor { nodes: vec![number], cost })
                }
                Node::Or(nodes) => self.any(nodes),
                Node::Distinct(distinct) => self.any(&distinct.nodes().collect::<Vec<_>>()),
                Node::And(nodes) => self.cheapest(nodes),
                Node::Near { left, right, .. } => self.cheapest(&[*left, *right]),
                Node::Not(left, _) | Node::NotNear { left, .. } => self.of_nodes[*left as usize].clone(),
                Node::AtLeast(_, node) => self.of_nodes[*node as usize].clone(),
                Node::Absent(_) | Node::Topic(_) | Node::Meta(_) => None,
            };
            self.of_nodes.push(anchor);
            let need = |node: NodeId, least: u16| Needs { terms: vec![Need { node, least }], close: None };
            let needs = match node {
                Node::Terms { .. } => need(number, 1),
                Node::And(nodes) => self.needs_of(nodes),
                Node::Near { left, right, within, .. } => {
                    let needs = self.needs_of(&[*left, *right]);
                    let terms = |node: NodeId| matches!(self.nodes[node as usize], Node::Terms { .. });
                    match *within {
                        Reach::Words(words) if terms(*left) && terms(*right) => {
                            Needs { close: Some(Close { left: *left, right: *right, words }), ..needs }
                        }
                        _ => needs,
                    }
                }
                Node::Not(node, _) | Node::NotNear { left: node, .. } | Node::AtLeast(_, node) => {
                    self.needs_of(&[*node])
                }
                Node::Distinct(distinct) => match (&*distinct.terms, &*distinct.others) {
                    (&[node], []) => need(node, distinct.least),
                    _ => Needs::default(),
                },
                Node::Or(_) | Node::Absent(_) | Node::Topic(_) | Node::Meta(_) => Needs::default(),
            };
            self.needs.push(needs);
        }
    }

    /// What several nodes need together: of the terms those that are likely to be rarest, and one more, as an anchor may be among
    /// them.
    fn needs_of(&self, nodes: &[NodeId]) -> Needs {
        let needs = || nodes.iter().map(|&node| &self.needs[node as usize]);
        let mut terms: Vec<Need> = needs().flat_map(|needs| &needs.terms).copied().collect();
        let cost = |need: &Need| self.of_nodes[need.node as usize].as_ref().map(|anchor| anchor.cost);
        terms.sort_unstable_by_key(|need| (cost(need), *need));
        terms.dedup();
        terms.truncate(NEEDS + 1);
        Needs { terms, close: needs().find_map(|needs| needs.close) }
    }

    /// What a query needs beside the anchor that sets it off.
    fn needs_beside(&self, query: NodeId, anchor: &Anchor) -> [Option<Need>; NEEDS] {
        let needs = self.needs[query as usize].terms.iter().copied();
        let mut others = needs.filter(|need| need.least > 1 || anchor.nodes != [need.node]);
        std::array::from_fn(|_| others.next())
    }

    fn any(&self, nodes: &[NodeId]) -> Option<Anchor> {
        let mut all = Anchor { nodes: Vec::new(), cost: 0 };
        for &node in nodes {
            let anchor = self.of_nodes[node as usize].as_ref()?;
            all.nodes.extend(&anchor.nodes);
            all.cost = all.cost.saturating_add(anchor.cost);
        }
        all.nodes.sort_unstable();
        all.nodes.dedup();
        Some(all)
    }

    fn cheapest(&self, nodes: &[NodeId]) -> Option<Anchor> {
        let anchors = nodes.iter().filter_map(|&node| self.of_nodes[node as usize].as_ref());
        anchors.min_by_key(|anchor| anchor.cost).cloned()
    }
}

/// How often each node is named, to 255.
fn named(nodes: &[Node], topics: &[TopicPlan], rules: &[RulePlan], exclude: Option<NodeId>) -> Vec<u8> {
    let mut named = vec![0_u8; nodes.len()];
    let mut name = |node: NodeId| named[node as usize] = named[node as usize].saturating_add(1);
    for node in nodes {
        match node {
            Node::Terms { .. } | Node::Topic(_) | Node::Meta(_) => {}
            Node::Or(nodes) | Node::And(nodes) => nodes.iter().copied().for_each(&mut name),
            Node::Distinct(distinct) => distinct.nodes().for_each(&mut name),
            Node::Absent(node) | Node::AtLeast(_, node) => name(*node),
            Node::Not(left, right) | Node::Near { left, right, .. } | Node::NotNear { left, right, .. } => {
                name(*left);
                name(*right);
            }
        }
    }
    rules.iter().filter_map(|rule| rule.query).for_each(&mut name);
    topics.iter().flat_map(|topic| [topic.require, topic.exclude]).flatten().for_each(&mut name);
    // Every topic asks for the ruleset's veto.
    exclude.into_iter().for_each(|node| (0..2).for_each(|_| name(node)));
    named
}
