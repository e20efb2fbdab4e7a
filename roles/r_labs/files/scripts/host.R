# What this machine gives, and what this R has

# parallel::detectCores() counts the cores of the machine. This process may be allowed fewer: nproc knows its
# affinity, and control groups may limit its share of time, its own or one above it.
available_cores <- function() {
  limit <- as.integer(system2("nproc", stdout = TRUE))
  groups <- readLines("/proc/self/cgroup")
  groups <- sub("^0::", "/sys/fs/cgroup", groups) # version 2
  groups <- sub("^[0-9]+:([^:]*,)?cpu(,[^:]*)?:", "/sys/fs/cgroup/cpu", groups) # version 1
  for (folder in groups) {
    while (startsWith(folder, "/sys/fs/cgroup")) {
      limit <- min(limit, time_share(folder))
      folder <- dirname(folder)
    }
  }
  max(1L, as.integer(limit))
}

# Cores' worth of time that a control group gets: its quota in each period
time_share <- function(folder) {
  files <- file.path(folder, c("cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us"))
  words <- unlist(lapply(Filter(file.exists, files), scan, what = "", quiet = TRUE))
  if (length(words) != 2 || words[1] %in% c("max", "-1")) return(Inf)
  ceiling(as.numeric(words[1]) / as.numeric(words[2]))
}

has_package <- function(name) length(find.package(name, quiet = TRUE)) > 0

versions <- function(names) {
  names <- Filter(has_package, names)
  vapply(names, function(name) as.character(packageVersion(name)), "")
}

# What decides whether a result still holds: cores, R and those of the packages that it finds, one a line
describe <- function(names) {
  found <- c(cores = available_cores(), R = as.character(getRversion()), versions(names))
  cat(paste(names(found), found), sep = "\n")
}
