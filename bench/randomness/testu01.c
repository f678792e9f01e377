/*
 * TestU01's batteries over a stream of bytes on standard input.
 *
 *   testu01 small|crush|big  all|0..7  high|low|both
 *
 * A lane is every eighth word of 64 bits; of a word its high half, its low half, or both in turn. Prints a line
 * "p-value name" for every statistic, and fails where the stream ends too soon.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bbattery.h>
#include <swrite.h>
#include <unif01.h>

#define WORDS (1 << 17)

static unsigned long long words[WORDS];
static size_t at = WORDS;
static int step = 1, lane = 0;
static int high = 1, low = 1, second = 0;

static unsigned long long word(void) {
  if (at >= WORDS) {
    if (fread(words, sizeof words[0], WORDS, stdin) != WORDS) {
      fprintf(stderr, "the stream ended\n");
      exit(2);
    }
    at = (size_t)lane;
  }
  unsigned long long value = words[at];
  at += (size_t)step;
  return value;
}

static unsigned int bits(void) {
  static unsigned long long value;
  if (high && low) {
    second = !second;
    if (!second) return (unsigned int)value;
    value = word();
    return (unsigned int)(value >> 32);
  }
  value = word();
  return (unsigned int)(high ? value >> 32 : value);
}

int main(int count, char **words_given) {
  if (count != 4) return 2;
  if (strcmp(words_given[2], "all") != 0) {
    step = 8;
    lane = atoi(words_given[2]);
  }
  high = strcmp(words_given[3], "low") != 0;
  low = strcmp(words_given[3], "high") != 0;
  char name[] = "nearfield";
  unif01_Gen *source = unif01_CreateExternGenBits(name, bits);
  swrite_Basic = FALSE;
  if (strcmp(words_given[1], "small") == 0) bbattery_SmallCrush(source);
  else if (strcmp(words_given[1], "crush") == 0) bbattery_Crush(source);
  else if (strcmp(words_given[1], "big") == 0) bbattery_BigCrush(source);
  else return 2;
  for (int test = 0; test < bbattery_NTests; test++)
    printf("\n@ %.17g %s", bbattery_pVal[test], bbattery_TestNames[test]);
  printf("\n");
  unif01_DeleteExternGenBits(source);
  return 0;
}
