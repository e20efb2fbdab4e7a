# Prints, as JSON, which R this is, where its site files are, and which BLAS it uses

# Behind links, which a rename would replace
site_file <- function(name) normalizePath(file.path(normalizePath(R.home("etc")), name), mustWork = FALSE)

profile <- site_file("Rprofile.site")
environ <- site_file("Renviron.site")

# FlexiBLAS is a switch, and only the map of the memory shows which library is behind it
blas <- extSoftVersion()[["BLAS"]]
if (grepl("flexiblas", blas)) {
  blas <- c(grep("openblas", readLines("/proc/self/maps"), value = TRUE), blas)[[1]]
}

cat(sprintf(
  '{"version": "%s", "home": "%s", "profile": "%s", "environ": "%s", "missing": "%s", "blas": "%s"}',
  getRversion(), R.home(), profile, environ, paste(Filter(Negate(file.exists), c(profile, environ)), collapse = " "),
  sub("^[^/]*", "", blas)
))
