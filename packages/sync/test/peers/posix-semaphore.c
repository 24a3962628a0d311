/** Another program: `posix-semaphore NAME wait|post TIMES`. Says "ready" first, and a line for each. */
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int count, char **argument) {
  if (count != 4) return 2;
  sem_t *semaphore = sem_open(argument[1], O_CREAT, 0600, 0);
  if (semaphore == SEM_FAILED) return perror("sem_open"), 1;
  setvbuf(stdout, NULL, _IOLBF, 0);
  puts("ready");
  for (int left = atoi(argument[3]); left > 0; left--) {
    if (strcmp(argument[2], "wait") == 0 ? sem_wait(semaphore) : sem_post(semaphore)) return perror("semaphore"), 1;
    puts(argument[2]);
  }
}
