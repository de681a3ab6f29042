#!/usr/bin/perl
# Written by pyinfra-patroni. Changes made here are lost at its next run.
#
# pools-answer SOCKET...: whether PgBouncer answers on each of these sockets. It is asked for TLS, which it refuses there
# with one byte: who asks needs no login, and PgBouncer needs no server for that, so it says the same in a failover and
# in a pause. Numbers instead of names for the reason that haproxy-serves has.

# A frozen PgBouncer lets the kernel take the connection, and the question, and says nothing. Later even the connection
# waits. keepalived leaves out a check while the last one has not ended, so this has to end within its second.
$SIG{ALRM} = sub { exit 1 };
alarm 1;
for my $path (@ARGV) {
    socket my $pool, 1, 1, 0 or exit 2;
    connect $pool, pack 'S a*', 1, "$path\0" or exit 1;
    syswrite $pool, pack 'N N', 8, 80_877_103 or exit 1;
    my $ready = '';
    vec($ready, fileno $pool, 1) = 1;
    select $ready, undef, undef, 0.7 or exit 1;
    sysread $pool, my $said, 1 or exit 1;
}
exit 0;
