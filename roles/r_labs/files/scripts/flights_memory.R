# One way to get at the flights, in a process of its own, so that its peak of memory is its own. flights.R runs me:
#   Rscript flights_memory.R nothing|read.csv|copy|attach <flights.csv>

way <- commandArgs(trailingOnly = TRUE)[1]
csv <- commandArgs(trailingOnly = TRUE)[2]
folder <- dirname(csv)

suppressPackageStartupMessages(if (way %in% c("copy", "attach")) library(bigmemory))
source("flights_columns.R")

# The usual way: all of the file at once
read_all <- function() {
  flights <- read.csv(csv)
  by_hour(flights[[pick(names(flights), "scheduled")]], flights[[pick(names(flights), "delay")]])
}

# The file is copied piece by piece into a matrix that lives in a file. Only one piece is in memory at a time. A matrix
# has one type: words become numbers, their places in a list of words that is kept beside the matrix.
copy <- function(piece = 10000) {
  file <- file(csv, "r")
  columns <- scan(file, "", nlines = 1, sep = ",", quiet = TRUE)
  is_word <- columns %in% words
  rows <- 0
  repeat {
    lines <- length(readLines(file, piece))
    rows <- rows + lines
    if (lines < piece) break
  }
  close(file)

  unlink(file.path(folder, c("flights.bin", "flights.desc")))
  flights <- filebacked.big.matrix(
    rows, length(columns), type = "integer", dimnames = list(NULL, columns), backingpath = folder,
    backingfile = "flights.bin", descriptorfile = "flights.desc"
  )
  known <- sapply(columns[is_word], function(column) character())
  file <- file(csv, "r")
  invisible(readLines(file, 1))
  for (first in seq(1, rows, by = piece)) {
    part <- read.csv(
      file, header = FALSE, nrows = piece, col.names = columns, na.strings = c("NA", ""), stringsAsFactors = FALSE,
      colClasses = ifelse(is_word, "character", "integer")
    )
    for (column in columns[is_word]) {
      known[[column]] <- union(known[[column]], na.omit(part[[column]]))
      part[[column]] <- match(part[[column]], known[[column]])
    }
    flights[first:(first + nrow(part) - 1), ] <- as.matrix(part)
    gc() # or R lets the pieces that it is done with pile up
  }
  close(file)
  flush(flights)
  saveRDS(known, file.path(folder, "flights.words.rds"))
  NULL
}

# Every later time: nothing is read but the columns that are asked for
attach_and_answer <- function() {
  flights <- attach.big.matrix(file.path(folder, "flights.desc"))
  by_hour(flights[, pick(colnames(flights), "scheduled")], flights[, pick(colnames(flights), "delay")])
}

started <- proc.time()[["elapsed"]]
answer <- switch(way, nothing = NULL, read.csv = read_all(), copy = copy(), attach = attach_and_answer())
seconds <- proc.time()[["elapsed"]] - started

# The kernel's own record of the most that this process has had in memory
peak <- grep("^VmHWM:", readLines("/proc/self/status"), value = TRUE)
peak <- as.numeric(gsub("[^0-9]", "", peak)) / 1024
saveRDS(list(answer = answer, seconds = seconds, peak = peak), file.path(folder, paste0("flights-", way, ".rds")))
