//! A list of things to do that three people edit: kept in files, carried by channels, and shown with
//! what contradicts.
//!
//! `cargo run -p crdt-examples --example todo`

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

use crdt_core::codec::Limits;
use crdt_core::{Crdt, Delta, Doc, EwFlag, IdGen, LwwRegister, MvRegister, OrMap, OrSet, Replica, UniqueId};
use serde::Serialize;

type Failed = Box<dyn Error>;

/// Takes what is for one of them.
type Door = Sender<Vec<u8>>;

/// Things to do, by ids that nobody else makes.
type Todos = OrMap<UniqueId, Todo>;

#[derive(Crdt, Serialize)]
struct Todo {
    /// Two titles at once are both shown, until somebody chooses.
    title: MvRegister<String>,
    done: EwFlag,
    tags: OrSet<String>,
    /// Where it stands in the list: between two others there is always room.
    place: LwwRegister<f64>,
}

struct Person {
    me: Replica,
    ids: IdGen,
    todos: Doc<Todos>,
    file: PathBuf,
    /// Any transport will do: deltas may be lost, doubled and late.
    inbox: Receiver<Vec<u8>>,
    others: Vec<Door>,
}

impl Person {
    /// Goes on with what the file holds, as a new writer.
    fn open(file: PathBuf, inbox: Receiver<Vec<u8>>) -> Result<Self, Failed> {
        let todos =
            if file.exists() { Doc::decode(&fs::read(&file)?, &Limits::TRUSTED)? } else { Doc::default() };
        let ids = IdGen::new(Replica::random());
        Ok(Self { me: Replica::random(), ids, todos, file, inbox, others: Vec::new() })
    }

    fn edit<R>(&mut self, edit: impl FnOnce(<Todos as Crdt>::Editor<'_>) -> R) -> Result<(), Failed> {
        let bytes = self.todos.update(&mut self.me, edit).encode()?;
        self.save()?;
        // Who has left gets nothing, and asks for it on coming back: see `Doc::delta_since`.
        self.others.iter().for_each(|other| drop(other.send(bytes.clone())));
        Ok(())
    }

    fn add(&mut self, title: &str, place: f64) -> Result<UniqueId, Failed> {
        let id = self.ids.id();
        self.edit(|todos| {
            let todo = todos.entry(&id);
            todo.title.set(title.to_owned());
            todo.place.set(place);
        })?;
        Ok(id)
    }

    /// Merges what others sent, which nobody has checked yet.
    fn receive(&mut self) -> Result<(), Failed> {
        for bytes in self.inbox.try_iter() {
            self.todos.merge(Delta::decode(&bytes, &Limits::default())?);
        }
        self.save()
    }

    fn save(&self) -> Result<(), Failed> {
        Ok(fs::write(&self.file, self.todos.encode()?)?)
    }

    fn lines(&self) -> Vec<String> {
        let mut todos: Vec<(&UniqueId, &Todo)> = self.todos.iter().collect();
        let place = |todo: &Todo| todo.place.get().copied().unwrap_or(f64::MAX);
        todos.sort_by(|(a, one), (b, other)| place(one).total_cmp(&place(other)).then(a.cmp(b)));
        todos.iter().map(|(_, todo)| line(todo)).collect()
    }
}

fn line(todo: &Todo) -> String {
    let mark = if todo.done.is_enabled() { 'x' } else { ' ' };
    let titles: Vec<&str> = todo.title.values().into_iter().map(String::as_str).collect();
    let tags: String = todo.tags.sorted().iter().map(|tag| format!(" #{tag}")).collect();
    format!("[{mark}] {}{tags}", titles.join(" <or> "))
}

/// Three people who hear of each other.
fn three(dir: &Path) -> Result<[Person; 3], Failed> {
    let (ana, to_ana) = inbox(dir, "ana")?;
    let (bob, to_bob) = inbox(dir, "bob")?;
    let (cy, to_cy) = inbox(dir, "cy")?;
    let mut people = [ana, bob, cy];
    let doors = [to_ana, to_bob, to_cy];
    for (at, person) in people.iter_mut().enumerate() {
        let others = doors.iter().enumerate().filter(|(door, _)| *door != at);
        person.others = others.map(|(_, door)| door.clone()).collect();
    }
    Ok(people)
}

fn inbox(dir: &Path, name: &str) -> Result<(Person, Door), Failed> {
    let (door, inbox) = channel();
    Ok((Person::open(dir.join(name), inbox)?, door))
}

fn main() -> Result<(), Failed> {
    let dir = std::env::temp_dir().join(format!("todo-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    let [mut ana, mut bob, mut cy] = three(&dir)?;
    let milk = ana.add("milk", 1.0)?;
    let bread = ana.add("bread", 2.0)?;
    bob.receive()?;
    cy.receive()?;

    // All at once: two titles for one thing, a tag beside a mark, a thing between two others.
    ana.edit(|todos| todos.entry(&milk).title.set("oat milk".to_owned()))?;
    bob.edit(|todos| todos.entry(&milk).title.set("whole milk".to_owned()))?;
    bob.edit(|todos| todos.entry(&bread).tags.insert("bakery".to_owned()))?;
    cy.edit(|todos| todos.entry(&bread).done.enable())?;
    cy.add("eggs", 1.5)?;
    for person in [&mut ana, &mut bob, &mut cy] {
        person.receive()?;
    }
    let lines = ana.lines();
    assert!(lines == bob.lines() && lines == cy.lines());
    assert!(lines[0].contains(" <or> ") && lines[0].contains("oat milk") && lines[0].contains("whole milk"));
    assert_eq!(lines[1..], ["[ ] eggs", "[x] bread #bakery"]);
    lines.iter().for_each(|line| println!("{line}"));

    // What a person has to choose between, wherever in the document it is.
    let conflicts = ana.todos.find_conflicts();
    assert_eq!(conflicts.len(), 1);
    if let (_, TodoEntry::Title(shown)) = &conflicts[0].shown.1 {
        println!("two titles: {shown:?} and {} more", conflicts[0].others.len());
    }
    ana.edit(|todos| todos.entry(&milk).title.resolve(|titles| titles[0].clone()))?;
    bob.receive()?;
    assert!(bob.todos.find_conflicts().is_empty());

    // A restart: the file holds the data, and the right to write is new.
    drop(bob);
    let (bob, _) = inbox(&dir, "bob")?;
    assert_eq!(bob.lines()[1..], lines[1..]);
    // For a page: the value, not the document.
    println!("{}", serde_json::to_string(&*ana.todos)?);
    fs::remove_dir_all(dir)?;
    Ok(())
}
