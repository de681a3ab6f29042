#!/usr/bin/perl
# Written by pyinfra-patroni. Changes made here are lost at its next run.
#
# haproxy-serves SOCKET [SECTION...]: whether HAProxy answers on its runtime socket; with sections: and whether a server
# is up in one of them. keepalived asks several times a second: the modules with names for the numbers below (AF_UNIX,
# SOCK_STREAM) would cost four times as much as the rest.
my ($path, @sections) = @ARGV;

# A frozen HAProxy lets the kernel take the connection, and the question, and says nothing. Later even the connection
# waits. keepalived leaves out a check while the last one has not ended, so this has to end within its second.
$SIG{ALRM} = sub { exit 1 };
alarm 1;
socket my $haproxy, 1, 1, 0 or exit 2;
connect $haproxy, pack 'S a*', 1, "$path\0" or exit 1;
syswrite $haproxy, "show stat -1 4 -1\n" or exit 1;

my ($said, $ready) = ('', '');
vec($ready, fileno $haproxy, 1) = 1;
while (1) {
    select my $read = $ready, undef, undef, 0.7 or exit 1;
    my $got = sysread $haproxy, $said, 65_536, length $said;
    exit 1 unless defined $got;
    last unless $got;
}
exit 1 unless $said =~ /^# pxname,svname,/;
exit 0 unless @sections;

# A server that is about to be taken for down is "UP 1/2".
for (split /\n/, $said) {
    my ($section, $status) = (split /,/)[0, 17];
    exit 0 if defined $status && $status =~ /^UP/ && grep { $_ eq $section } @sections;
}
exit 1;
