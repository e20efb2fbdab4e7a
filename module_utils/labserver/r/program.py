"""The program that R runs: lines of tab-separated fields in and out, so that nothing of a task is written into it."""

from __future__ import annotations

PROGRAM = r"""
paths <- commandArgs(TRUE)
input <- strsplit(readLines(paths[1L], encoding = "UTF-8"), "\t", fixed = TRUE)
option <- function(key) vapply(Filter(function(line) line[1L] == key, input), `[`, "", 2L)
output <- file(paths[2L], "ab")
emit <- function(...) {
  fields <- c(...)
  fields[is.na(fields)] <- ""
  writeLines(paste(gsub("[\t\r\n]+", " ", enc2utf8(fields)), collapse = "\t"), output, useBytes = TRUE)
  flush(output)
}
# Returns the warnings and the error of an expression: install.packages, download.file and available.packages only
# warn of what is an error to us.
complaints <- function(expression) {
  messages <- character()
  tryCatch(
    withCallingHandlers(expression, warning = function(w) {
      messages <<- c(messages, conditionMessage(w))
      invokeRestart("muffleWarning")
    }),
    error = function(e) messages <<- c(messages, conditionMessage(e))
  )
  trimws(gsub("[[:space:]]+", " ", paste(unique(messages), collapse = "; ")))
}

library_path <- option("library")
if (!length(library_path)) {
  # the first site library by its name, for .libPaths() passes over one that is still to be made
  library_path <- path.expand(strsplit(Sys.getenv("R_LIBS_SITE"), ":", fixed = TRUE)[[1L]][1L])
  if (is.na(library_path) || !startsWith(library_path, "/")) {
    .libPaths(character())
    library_path <- .libPaths()[1L]
  }
}
.libPaths(library_path) # and the site's: what everybody sees, without the libraries of the user who runs this
if ("source" %in% option("type")) {
  options(HTTPUserAgent = "labserver") # repositories that give binaries give them to an R of a platform they know
}

strong <- c("Depends", "Imports", "LinkingTo")
base <- rownames(installed.packages(.Library, priority = "base"))
dependencies_of <- function(row) paste(row[strong][!is.na(row[strong])], collapse = ", ")
names_in <- function(dependencies) {
  found <- sub("[ \t\n(].*", "", trimws(unlist(strsplit(dependencies, ",", fixed = TRUE))))
  setdiff(found, c("", "R", base))
}

# R reads a package's code when it is first used: half of it would only be missed then
read_all <- function(package) {
  for (code in file.path(find.package(package)[1L], "R", c(package, "sysdata"))) {
    if (file.exists(paste0(code, ".rdx"))) {
      here <- new.env()
      lazyLoad(code, here)
      as.list(here, all.names = TRUE)
    }
  }
}

# Returns those that load, in the version that is asked for where there is one.
load <- function(packages) {
  loading <- character()
  for (package in setdiff(packages, option("skip"))) {
    emit("loading", package)
    problem <- tryCatch({
      suppressWarnings(suppressMessages(library(package, character.only = TRUE)))
      read_all(package)
      ""
    }, error = function(e) conditionMessage(e))
    if (nzchar(problem)) {
      emit("broken", package, problem)
    } else {
      version <- as.character(getNamespaceVersion(package))
      emit("loaded", package, version, dirname(find.package(package)[1L]))
      if (all(package_version(version) == option("version"))) loading <- c(loading, package)
    }
  }
  loading
}

status_of <- function(url) {
  # also tells whether there is a server at all, and sooner than the index, which is asked for in three forms
  if (!grepl("^https?:", url)) return(c(status = "", problem = ""))
  known <- list(timeout = as.integer(option("timeout")))
  known <- known[names(known) %in% names(formals(curlGetHeaders))]
  status <- ""
  problem <- complaints(status <- as.character(attr(do.call(curlGetHeaders, c(url, known)), "status")))
  c(status = status, problem = problem)
}

# R's own limit is for one file, however large
patient <- function() options(timeout = max(600, getOption("timeout")))

archived <- function(package, version, contrib) {
  folder <- option("folder")
  dest <- file.path(folder, sprintf("%s_%s.tar.gz", package, version))
  url <- paste(contrib, "Archive", package, basename(dest), sep = "/")
  patient()
  if (nzchar(complaints(utils::download.file(url, dest, mode = "wb", quiet = TRUE)))) return(NULL)
  description <- file.path(package, "DESCRIPTION")
  if (nzchar(complaints(utils::untar(dest, files = description, exdir = folder, tar = "internal")))) return(NULL)
  about <- read.dcf(file.path(folder, description))[1L, ]
  unname(c(about[c("Package", "Version", strong, "OS_type")], basename(dest), dirname(url)))
}

offers <- function(packages) {
  repositories <- option("repository")
  if (!length(repositories)) repositories <- as.character(getOption("repos"))
  repositories <- sub("/+$", "", repositories[nzchar(repositories) & repositories != "@CRAN@"])
  columns <- c("Package", "Version", strong, "OS_type", "File", "Repository")
  rows <- matrix(character(), 0L, length(columns), dimnames = list(NULL, columns))
  for (url in repositories) {
    contrib <- contrib.url(url, type = "source")
    status <- status_of(paste0(contrib, "/PACKAGES"))
    problem <- status[["problem"]]
    if (!nzchar(problem)) {
      offered <- NULL
      problem <- complaints(offered <- available.packages(contriburl = contrib, filters = list()))
      if (!is.null(offered) && nrow(offered)) problem <- ""
      if (length(offered)) {
        more <- matrix(NA_character_, nrow(offered), length(columns), dimnames = list(NULL, columns))
        there <- intersect(columns, colnames(offered))
        more[, there] <- offered[, there]
        rows <- rbind(rows, more)
      }
    }
    emit("repository", url, status[["status"]], problem)
  }
  for (version in option("version")) {
    for (url in repositories) {
      if (any(package_version(rows[rows[, "Package"] == packages, "Version"]) == version)) break
      rows <- rbind(rows, archived(packages, version, contrib.url(url, type = "source")))
    }
  }
  for (package in setdiff(packages, rows[, "Package"])) {
    alike <- unique(rows[tolower(rows[, "Package"]) == tolower(package), "Package"])
    for (name in alike) emit("alike", package, name)
  }
  rows <- rows[is.na(rows[, "OS_type"]) | rows[, "OS_type"] == "unix", , drop = FALSE]
  seen <- character()
  while (length(packages)) {
    seen <- c(seen, packages)
    mine <- rows[rows[, "Package"] %in% packages, , drop = FALSE]
    for (i in seq_len(nrow(mine))) {
      row <- mine[i, ]
      file <- if (is.na(row[["File"]])) sprintf("%s_%s.tar.gz", row[["Package"]], row[["Version"]]) else row[["File"]]
      url <- paste(row[["Repository"]], file, sep = "/")
      emit("offer", row[["Package"]], row[["Version"]], url, dependencies_of(row))
    }
    packages <- setdiff(names_in(c(mine[, strong])), seen)
  }
  seen
}

query <- function() {
  emit("r", as.character(getRversion()), R.home(), library_path)
  for (path in .libPaths()) emit("path", path)
  here <- installed.packages(.libPaths(), noCache = TRUE)
  for (i in seq_len(nrow(here))) {
    row <- here[i, ]
    emit("installed", row[["Package"]], row[["Version"]], row[["LibPath"]], row[["Priority"]], dependencies_of(row))
  }
  packages <- option("package")
  loading <- load(intersect(packages, rownames(here)))
  missing <- setdiff(option("offers"), if (!length(option("newest"))) loading)
  if (length(missing)) {
    emit("queried")
    load(setdiff(intersect(offers(missing), rownames(here)), c(packages, base)))
  }
}

fetch <- function() {
  patient()
  for (line in Filter(function(line) line[1L] == "fetch", input)) {
    emit("fetched", line[2L], complaints(utils::download.file(line[3L], line[4L], mode = "wb", quiet = TRUE)))
  }
}

# A folder within a source tree: what it compiles may be beside it
build <- function() {
  cores <- as.integer(getOption("Ncpus", option("cores")))
  if (!nzchar(Sys.getenv("MAKEFLAGS"))) Sys.setenv(MAKEFLAGS = paste0("-j", cores))
  utils::install.packages(option("source"), lib = library_path, repos = NULL, type = "source")
}

install <- function() {
  folder <- option("folder")
  packages <- option("package")
  cores <- as.integer(getOption("Ncpus", option("cores")))
  if (!nzchar(Sys.getenv("MAKEFLAGS"))) Sys.setenv(MAKEFLAGS = paste0("-j", cores))
  # Side by side every package compiles on one core. A few take turns and have all cores each.
  if (length(option("compiled")) && length(option("compiled")) <= 2L * cores) cores <- 1L
  contrib <- paste0("file://", folder)
  available <- available.packages(contriburl = contrib, filters = list())
  utils::install.packages(packages, lib = library_path, contriburl = contrib, available = available,
    dependencies = FALSE, type = "source", Ncpus = cores, keep_outputs = file.path(folder, "logs"))
}

switch(option("do"), query = query(), fetch = fetch(), install = install(), build = build())
close(output)
"""
