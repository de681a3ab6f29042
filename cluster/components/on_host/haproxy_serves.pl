#!/usr/bin/perl
# Written by pyinfra-patroni. Changes made here are lost at its next run.
#
# haproxy-serves SOCKET [SECTION...]: whether HAProxy answers on its runtime socket; with sections: and whether a server
# is up in one of them. keepalived asks each second, so it loads as little as it can.
use strict;
use Socket qw(PF_UNIX SOCK_STREAM SOL_SOCKET SO_RCVTIMEO SO_SNDTIMEO pack_sockaddr_un);

my ($path, @sections) = @ARGV;

# A frozen HAProxy lets the kernel take the connection, and the question, and says nothing. When nobody takes
# connections any more, the attempt itself would wait.
my $patience = pack 'l!l!', 0, 700_000;
socket my $haproxy, PF_UNIX, SOCK_STREAM, 0 or exit 2;
setsockopt $haproxy, SOL_SOCKET, $_, $patience or exit 2 for SO_SNDTIMEO, SO_RCVTIMEO;
connect $haproxy, pack_sockaddr_un($path) or exit 1;
syswrite $haproxy, "show stat -1 4 -1\n" or exit 1;

my $said = '';
while (my $got = sysread $haproxy, $said, 65_536, length $said) { }
exit 1 unless $said =~ /^# pxname,svname,/;
exit 0 unless @sections;

# A server that is about to be taken for down is "UP 1/2".
for (split /\n/, $said) {
    my ($section, $status) = (split /,/)[0, 17];
    exit 0 if defined $status && $status =~ /^UP/ && grep { $_ eq $section } @sections;
}
exit 1;
