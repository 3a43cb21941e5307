/*
 * powercut MOUNT: what the power would take from a file system if it failed now. Nothing that has not been synced, not even
 * what the journal still holds in memory, reaches the disk any more (FS_IOC_SHUTDOWN). After umount and mount the
 * file system is what it would be after the power has come back.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define FS_IOC_SHUTDOWN _IOR('X', 125, uint32_t)
#define WITHOUT_THE_JOURNAL 2

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: powercut MOUNT\n");
        return 2;
    }
    uint32_t how = WITHOUT_THE_JOURNAL;
    int fd = open(argv[1], O_RDONLY);
    if (fd < 0 || ioctl(fd, FS_IOC_SHUTDOWN, &how) < 0) {
        perror(argv[1]);
        return 1;
    }
    return 0;
}
