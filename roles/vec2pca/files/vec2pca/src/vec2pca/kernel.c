/*
 * Skip-gram with negative sampling on one core, for vec2pca. Compiled on the host at first use; see kernel.py.
 *
 * It computes what gensim computes, pair by pair, with random numbers of its own. The speed comes from what is
 * between the sums: no call for each of them, all six of a pair at once, and random words without a search. Sharing
 * the negative words among the neighbours of a word (Ji et al., "Parallelizing Word2Vec in Shared and Distributed
 * Memory", 2016) was a seventh faster still; adding up the updates of a window, as that paper does, moved the result
 * away from gensim's (canonical correlation 0.85 in place of 0.98). Neither is done here.
 *
 * Sums are taken in eight lanes whatever the processor has, so that it does not decide the order of additions.
 */
#include <stdint.h>

#define LANES 8
#define NEGATIVES 5
#define TARGETS (1 + NEGATIVES) /* the word itself, then the negatives; at most LANES */
#define START_SHIFT 19
#define MAX_SENTENCE 10000
#define MAX_DOT 6.0f /* beyond it the word is learnt: no update */

typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t mask __attribute__((vector_size(4 * LANES)));

#ifdef __clang__
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define PICK(a, b, ...) __builtin_shuffle(a, b, (mask){__VA_ARGS__})
#endif

/* What does not change between calls; the same order as `Model` in kernel.py. Rows are `width` floats, padded with
 * zeros to whole vectors. */
struct model {
    float *input;               /* vocabulary rows: the word vectors */
    float *output;              /* vocabulary rows */
    const int32_t *place;       /* of each word id: its row, or -1 */
    const uint32_t *keep;       /* of each row: kept where a 32-bit draw is not above it */
    const uint32_t *cumulative; /* of each row: where its share of the 31-bit draws for negatives ends */
    const int32_t *start;       /* of each draw >> START_SHIFT: the row to begin the search with */
    int64_t total;              /* words that will have been read when the training ends */
    int64_t done;               /* words read so far */
    uint64_t seed;              /* of the random numbers */
    uint64_t state;             /* of those of the sentence; not 0 */
    double first_rate, last_rate;
    int32_t vocabulary, width, window;
};

/* Where the random numbers of a sentence start: at a place of their own for each, so that what is drawn for it does not
 * depend on where the text was cut before it. SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
 * Generators", 2014). */
static uint64_t state_at(uint64_t seed, int64_t done)
{
    uint64_t z = seed + ((uint64_t)done + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (z ^ (z >> 31)) | 1;
}

/* 32 random bits: xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016) */
static inline uint32_t draw(struct model *m)
{
    uint64_t x = m->state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    m->state = x;
    return (uint32_t)(x * UINT64_C(0x2545F4914F6CDD1D) >> 32);
}

/* Fill out[1] to out[NEGATIVES] with rows of random words other than `word`. */
static void draw_negatives(struct model *m, int32_t word, float **out)
{
    for (int t = 1; t < TARGETS; t++) {
        int32_t row;
        do {
            uint32_t at = draw(m) >> 1;
            row = m->start[at >> START_SHIFT];
            while (m->cumulative[row] <= at && row < m->vocabulary - 1)
                row++;
        } while (row == word);
        out[t] = m->output + (int64_t)row * m->width;
    }
}

static inline vec pair_sums(vec a, vec b)
{
    return PICK(a, b, 0, 2, 4, 6, 8, 10, 12, 14) + PICK(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
}

/* Lane t of the result is the sum of the lanes of part[t]. */
static inline vec sums(const vec part[LANES])
{
    return pair_sums(pair_sums(pair_sums(part[0], part[1]), pair_sums(part[2], part[3])),
                     pair_sums(pair_sums(part[4], part[5]), pair_sums(part[6], part[7])));
}

/* 1 / (1 + exp(-x)) for |x| < 6, to 1e-4: tanh by Lambert's continued fraction */
static inline vec sigmoid(vec x)
{
    vec y = x * 0.5f, s = y * y;
    vec tanh = y * (10395.0f + s * (1260.0f + s * 21.0f)) / (10395.0f + s * (4725.0f + s * (210.0f + s)));
    return 0.5f + 0.5f * tanh;
}

/* One neighbour's row against the word's and the negatives' rows. */
static void step(float *restrict in, float *const *out, int32_t width, vec label, vec rate)
{
    vec part[LANES] = {{0}};
    for (int32_t k = 0; k < width; k += LANES) {
        vec x = *(vec *)(in + k);
        for (int t = 0; t < TARGETS; t++)
            part[t] += x * *(vec *)(out[t] + k);
    }
    vec dot = sums(part);
    mask learning = (dot > -MAX_DOT) & (dot < MAX_DOT);
    vec error = (vec)((mask)((label - sigmoid(dot)) * rate) & learning);
    for (int32_t k = 0; k < width; k += LANES) {
        vec x = *(vec *)(in + k), sum = x;
        for (int t = 0; t < TARGETS; t++) {
            vec y = *(vec *)(out[t] + k);
            sum += error[t] * y;
            *(vec *)(out[t] + k) = y + error[t] * x;
        }
        *(vec *)(in + k) = sum;
    }
}

static void train_sentence(struct model *m, const int32_t *sentence, int32_t length, float rate_now)
{
    vec label = {1}, rate = {0};
    for (int t = 0; t < TARGETS; t++)
        rate[t] = rate_now;
    for (int32_t i = 0; i < length; i++) {
        int32_t reach = m->window - (int32_t)(draw(m) % (uint32_t)m->window);
        int32_t begin = i > reach ? i - reach : 0, end = length - i > reach ? i + reach + 1 : length;
        float *out[TARGETS];
        out[0] = m->output + (int64_t)sentence[i] * m->width;
        for (int32_t j = begin; j < end; j++) {
            if (j == i)
                continue;
            draw_negatives(m, sentence[i], out);
            step(m->input + (int64_t)sentence[j] * m->width, out, m->width, label, rate);
        }
    }
}

/* Train on `count` word ids: whole sentences, each ended by -1. The vocabulary has at least two words. */
void train(struct model *m, const int32_t *ids, int64_t count)
{
    int32_t sentence[MAX_SENTENCE];
    int32_t length = 0;
    int64_t words = 0;
    m->state = state_at(m->seed, m->done);
    for (int64_t at = 0; at < count; at++) {
        if (ids[at] >= 0) {
            int32_t row = m->place[ids[at]];
            words++;
            if (row >= 0 && draw(m) <= m->keep[row] && length < MAX_SENTENCE)
                sentence[length++] = row;
            continue;
        }
        double part = (double)m->done / (double)m->total;
        train_sentence(m, sentence, length, (float)(m->first_rate - (m->first_rate - m->last_rate) * part));
        m->done += words;
        words = 0;
        length = 0;
        m->state = state_at(m->seed, m->done);
    }
}
