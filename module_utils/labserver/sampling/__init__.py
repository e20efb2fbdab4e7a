"""Draw a uniform random sample of the lines of a file of any size, in one reading and little memory.

How: the number of lines, n, is known only at the end. So every line becomes a candidate with a probability q that
falls as lines go by, always a little more than a sample of the lines so far would need (z standard deviations). At the
end the candidates of earlier lines are thinned until each line of the file was kept with the same probability q of the
last ones, and of these a uniform random choice of exactly k remains. Given how many are left, every subset of them is
equally likely, so every k lines of the file are. Should fewer than k be left (about 3 times in 10 million, at z = 5),
the file is read again with fresh random numbers.

Which lines are taken depends on the seed and the number of lines alone: not on the compression, the block size or
the version of Python.

This package knows nothing of reviews or of compression: it is given blocks of text (`TextSource`) and, for a compressed
output, the encoder.
"""
