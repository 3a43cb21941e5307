//! The disk of one process: an image with a file system of its own where the machine allows it, else a directory.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::command::run;

/// Of the image, which has holes where nothing was written.
const IMAGE_BYTES: u64 = 3 << 30;
const FILLER: &str = "filler";
/// What may be taken by others while it is filled.
const RESERVE_BYTES: u64 = 4 << 20;
/// Below the mount point, which has a directory that is the file system's own.
const DATA: &str = "data";

/// See the module.
#[derive(Debug)]
pub struct Disk {
    mount: PathBuf,
    image: Option<PathBuf>,
    /// Cuts the power of a mounted image.
    powercut: PathBuf,
}

impl Disk {
    /// Makes one below `dir`.
    pub async fn create(dir: &Path, name: &str, images: bool) -> anyhow::Result<Self> {
        let mount = dir.join("disks").join(name);
        fs::create_dir_all(&mount).with_context(|| mount.display().to_string())?;
        let image = images.then(|| dir.join("disks").join(format!("{name}.ext4")));
        let disk = Self { mount, image, powercut: dir.join("powercut") };
        if let Some(image) = &disk.image {
            fs::File::create(image)?.set_len(IMAGE_BYTES)?;
            run(&["mkfs.ext4", "-q", "-F", "-m", "0", &text(image)]).await?;
            disk.mount().await?;
        }
        fs::create_dir_all(disk.data())?;
        Ok(disk)
    }

    /// Where the process keeps its data.
    pub fn data(&self) -> PathBuf {
        self.mount.join(DATA)
    }

    /// Whether it can fill up and lose its power.
    pub fn is_image(&self) -> bool {
        self.image.is_some()
    }

    /// From now on nothing reaches it. The process must have ended before the power comes back.
    pub async fn cut_power(&self) -> anyhow::Result<()> {
        run(&[&text(&self.powercut), &text(&self.mount)]).await.map(drop)
    }

    /// The power is back: what had been synced is there.
    pub async fn restore_power(&self) -> anyhow::Result<()> {
        self.unmount().await?;
        self.mount().await
    }

    /// Lets go of the image. Nothing may be open on it.
    pub async fn unmount(&self) -> anyhow::Result<()> {
        match self.is_image() {
            true => run(&["umount", &text(&self.mount)]).await.map(drop),
            false => Ok(()),
        }
    }

    /// Makes what is on it so far outlast a power cut: what this program does to it is not what is tested.
    pub async fn settle(&self) -> anyhow::Result<()> {
        run(&["sync", "--file-system", &text(&self.mount)]).await.map(drop)
    }

    /// Takes all room that is left: most of it at once, the rest by writing until there is no more.
    pub async fn fill(&self) -> anyhow::Result<()> {
        let printed = run(&["df", "--block-size=1", "--output=avail", &text(&self.mount)]).await?;
        let free: u64 = printed.split_whitespace().last().unwrap_or("0").parse()?;
        let filler = self.mount.join(FILLER);
        if let Some(most) = free.checked_sub(RESERVE_BYTES) {
            run(&["fallocate", "--length", &most.to_string(), &text(&filler)]).await?;
        }
        let mut file = fs::OpenOptions::new().append(true).create(true).open(&filler)?;
        let block = [0; 64 << 10];
        loop {
            match file.write_all(&block) {
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return Ok(()),
                written => written?,
            }
        }
    }

    /// Gives the room back.
    pub async fn free(&self) -> anyhow::Result<()> {
        match fs::remove_file(self.mount.join(FILLER)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => self.settle().await,
        }
    }

    /// Removes the data, as an operator who rebuilds a member does. The file `myid` is configuration.
    pub async fn empty(&self) -> anyhow::Result<()> {
        for entry in fs::read_dir(self.data())? {
            let path = entry?.path();
            if path.is_dir() {
                fs::remove_dir_all(&path)?;
            } else if path.file_name().is_some_and(|name| name != "myid") {
                fs::remove_file(&path)?;
            }
        }
        self.settle().await
    }

    async fn mount(&self) -> anyhow::Result<()> {
        let Some(image) = &self.image else { return Ok(()) };
        run(&["mount", "-o", "loop", &text(image), &text(&self.mount)]).await.map(drop)
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
